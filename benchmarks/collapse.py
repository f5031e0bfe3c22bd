"""The cures of mode collapse side by side: modes found, share of good samples, divergence.

    python benchmarks/collapse.py --data_dir=DIR --only=pacgan_ring,pacgan_grid --seeds=0,1,2

Trains every line of a plan on each data set with each seed, in cells as those of bin/ladder.py, and
writes a table in Markdown after each. Killed and started again it goes on.

By PacGAN's protocol (1712.04086, section 4): of 2,500 samples on the plane, a mode is found if one
lies within 3 standard deviations; high quality is the share that do; the divergence is that of the
samples' nearest modes from even shares, in nats. Of stacked MNIST 26,000 samples' digits are read,
channel by channel, by the judging classifier of MNIST.
"""

import dataclasses
import functools
import json
import sys
from pathlib import Path

from absl import flags, logging

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import ganflow.base.quiet  # noqa: E402, F401 - before anything that imports TensorFlow

# isort: split
import numpy as np  # noqa: E402

from ganflow import data  # noqa: E402
from ganflow.base import tables  # noqa: E402
from ganflow.base.errors import InputError  # noqa: E402
from ganflow.cli import command  # noqa: E402
from ganflow.cli import flags as flags_of  # noqa: E402
from ganflow.cli.command import Signals  # noqa: E402
from ganflow.judging import classifier_cache, metrics  # noqa: E402
from ganflow.ladder import cells, kept, plans, reports, results  # noqa: E402
from ganflow.ladder.results import Interrupted  # noqa: E402
from ganflow.storage import workdir  # noqa: E402
from ganflow.trained import loading, sampling  # noqa: E402

FLAGS = flags.FLAGS
SETS = {  # preset, steps, samples
    "pacgan_ring": ("pacgan_fast", 30_000, 2_500),
    "pacgan_grid": ("pacgan_fast", 60_000, 2_500),
    "stacked_mnist": ("dcgan_stacked", 4_000, 26_000),
}
HEAD = """# Cures of mode collapse, side by side

    python benchmarks/collapse.py --data_dir=DIR --results=docs/collapse.jsonl \\
        --out=docs/collapse.md

A plain GAN, and the same with one cure or several (`configs/collapse.plan`), each with as many
steps. By PacGAN's protocol (1712.04086, section 4): of samples on the plane, a mode is found if one
lies within 3 standard deviations; high quality is the share that do; the divergence is that of the
samples' nearest modes from even shares, in nats. Mean and standard deviation over the seeds.
Minutes are of training, on one core. The paper's own figures: packing of 4, 24.8 of 25 modes of the
grid with 93.6 % of high quality, 7.8 of 8 of the ring, 1,000 of 1,000 of stacked MNIST with a
divergence of .06; a plain GAN, 17.3 of 25 and 79 of 1,000.

A moving average of G's weights is a cure that goes with each of the others: the second half of a
table has the same figures of the averaged weights of the same training (`--ema`, in the preset).
"""
FIGURES = ("modes", "high_quality", "divergence")
AVERAGED = "averaged_"  # in front of a figure's name
MARKS = 4


def on_the_plane(name: str, samples: np.ndarray) -> dict[str, float]:
    """Figures of points [n, 2] of a mixture."""
    centres, std = data.modes(name)
    found = metrics.mode_figures(samples, centres, std)
    divergence = metrics.mode_divergence(metrics.nearest_modes(samples, centres), len(centres))
    return {
        "modes": found["modes_captured"],
        "high_quality": found["high_quality_3std"],
        "divergence": divergence,
    }


def stacked(samples: np.ndarray, data_dir: str) -> dict[str, float]:
    """Figures of images [n, 28, 28, 3]."""
    judging = classifier_cache.trained(*data.load_both("mnist", data_dir or None), seed=0)
    digits = [judging.read(samples[..., i : i + 1])[1] for i in range(3)]
    label = 100 * digits[0] + 10 * digits[1] + digits[2]
    return {
        "modes": float(len(np.unique(label))),
        "divergence": metrics.mode_divergence(label, 1_000),
    }


def cell(name: str, line: plans.Entry, dataset: str, seed: int):
    """What a line trains on a data set."""
    preset, steps, _ = SETS[dataset]
    words = (f"--flagfile={ROOT / 'configs' / preset}.flags", *line.flags)
    made = plans.resolve(plans.Entry(name, words), dataset, FLAGS.data_dir)
    options = dataclasses.replace(made.options, seed=seed)
    budget = plans.budget(None, FLAGS.steps or steps, [MARKS])
    return dataclasses.replace(made, options=options), budget


def figures(one: cells.Cell, folder: Path) -> dict[str, float]:
    """Of a trained cell, and of the moving average of G's weights, where a plan leaves it on."""
    found = {}
    for is_averaged in sorted({False, one.options.ema > 0}):
        gan, manifest = loading.load_trained(folder, ema=is_averaged)
        samples = sampling.of_gan(gan, manifest, SETS[one.dataset][2], seed=1).samples
        if one.dataset == "stacked_mnist":
            of_samples = stacked(samples, FLAGS.data_dir)
        else:
            of_samples = on_the_plane(one.dataset, samples)
        before = AVERAGED if is_averaged else ""
        found |= {before + name: value for name, value in of_samples.items()}
    return found


def table(lines, datasets, seeds, done: dict[str, dict]) -> str:
    """Mean and standard deviation over the seeds that are done, a table for each data set."""
    parts = [HEAD]
    for dataset in datasets:
        _, steps, num = SETS[dataset]
        names = [name for name in FIGURES if (dataset, name) != ("stacked_mnist", "high_quality")]
        names += [AVERAGED + name for name in names]
        rows = []
        for line in lines:
            cells_of_line = [f"{line.name}-{dataset}-seed{seed}" for seed in seeds]
            of_line = [done[one] for one in cells_of_line if one in done]
            good = [result["figures"] for result in of_line if result["figures"]]
            if not of_line:
                continue
            spreads = [
                reports.spread([f[name] for f in good if name in f], reports.three)
                for name in names
            ]
            minutes = [result["seconds"] / 60 for result in of_line if result["seconds"]]
            told = f"{len(good)}" if len(good) == len(of_line) else f"{len(good)} of {len(of_line)}"
            rows.append([f"`{line.name}`", told, *spreads, f"{np.mean(minutes):.1f}"])
        titles = ("cure", "seeds", *(name.replace("_", " ") for name in names), "minutes")
        parts += [f"## {dataset}", "", f"{FLAGS.steps or steps:,} steps, {num:,} samples.", ""]
        parts += [tables.as_markdown(titles, rows) if rows else "Not yet trained.", ""]
    return "\n".join(parts)


def tell(lines, datasets, seeds, todo) -> str:
    """The table of what is done, here and in --results, written to --out."""
    folder = Path(FLAGS.workdir)
    paths = {one.name: folder / one.name / "result.json" for one, _ in todo}
    done = {name: json.loads(path.read_text()) for name, path in paths.items() if path.exists()}
    if FLAGS.results:
        marks = {one.name: list(budget.marks) for one, budget in todo}

        def settings(one: cells.Cell):
            return [one.identity(), marks[one.name]]

        ones, file = [one for one, _ in todo], Path(FLAGS.results)
        kept.add(file, ones, done, settings)
        done = kept.of_these(ones, file, settings)
    text = table(lines, datasets, seeds, done)
    workdir.write_whole(Path(FLAGS.out) if FLAGS.out else folder / "collapse.md", text.encode())
    return text


def main(_) -> int:
    """Do what is not yet done; return the exit code."""
    folder, datasets = Path(FLAGS.workdir), FLAGS.only or list(SETS)
    for name in datasets:
        if name not in SETS:
            raise InputError(f"--only={name}: expected some of {', '.join(SETS)}")
    lines = plans.read_plan_file(Path(FLAGS.plan))
    seeds = flags_of.seeds("seeds")
    todo = [cell(line.name, line, d, seed) for d in datasets for seed in seeds for line in lines]
    with workdir.locked(folder), Signals() as signals:
        try:
            for number, (one, budget) in enumerate(() if FLAGS.report else todo, 1):
                logging.info("cell %d of %d: %s", number, len(todo), one.name)
                place = folder / one.name
                measure = functools.partial(figures, one, place)
                results.measured(one, budget, place, measure, signals.asked)
                tell(lines, datasets, seeds, todo)
        except Interrupted:
            print("stopped, saved; the same command goes on")
            return 128 + signals.received
    print(tell(lines, datasets, seeds, todo))
    return 0


if __name__ == "__main__":
    flags.DEFINE_string("plan", str(ROOT / "configs" / "collapse.plan"), "named flags of a cure")
    flags.DEFINE_list("only", None, "data sets; default: all three")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "of every cell")
    flags.DEFINE_integer("steps", 0, "of every cell; 0: as many as each data set needs")
    flags.DEFINE_string("data_dir", "", "the folder with MNIST's four files")
    flags.DEFINE_string("workdir", "runs/collapse", "the folder of all cells")
    flags.DEFINE_string("results", "", "a file that gathers results, a line each")
    flags.DEFINE_string("out", "", "the table's file; by default collapse.md in --workdir")
    flags.DEFINE_boolean("report", False, "write the table of what is done, train nothing")
    command.run(main, flags_of.parse)
