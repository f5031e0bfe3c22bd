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
from ganflow.ladder import cells, plans, reports, results  # noqa: E402
from ganflow.ladder.results import Interrupted  # noqa: E402
from ganflow.storage import workdir  # noqa: E402
from ganflow.trained import loading, sampling  # noqa: E402

FLAGS = flags.FLAGS
SETS = {  # preset, steps, samples
    "pacgan_ring": ("pacgan_fast", 30_000, 2_500),
    "pacgan_grid": ("pacgan_fast", 60_000, 2_500),
    "stacked_mnist": ("dcgan_stacked", 4_000, 26_000),
}
FIGURES = ("modes", "high_quality", "divergence")
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
    """Of a trained cell; of the moving average of G's weights, where there is one."""
    gan, manifest = loading.load_trained(folder, ema=one.options.ema > 0)
    samples = sampling.of_gan(gan, manifest, SETS[one.dataset][2], seed=1).samples
    if one.dataset == "stacked_mnist":
        return stacked(samples, FLAGS.data_dir)
    return on_the_plane(one.dataset, samples)


def table(lines, datasets, seeds, folder: Path) -> str:
    """Mean and standard deviation over the seeds that are done, a table for each data set."""
    parts = []
    for dataset in datasets:
        _, steps, num = SETS[dataset]
        rows = []
        for line in lines:
            cells = [folder / f"{line.name}-{dataset}-seed{seed}" / "result.json" for seed in seeds]
            done = [json.loads(path.read_text()) for path in cells if path.exists()]
            good = [result["figures"] for result in done if result["figures"]]
            if not done:
                continue
            spreads = [
                reports.spread([f[name] for f in good if name in f], reports.three)
                for name in FIGURES
            ]
            minutes = [result["seconds"] / 60 for result in done if result["seconds"]]
            seeds_told = f"{len(good)}" if len(good) == len(done) else f"{len(good)} of {len(done)}"
            rows.append([f"`{line.name}`", seeds_told, *spreads, f"{np.mean(minutes):.1f}"])
        titles = ("cure", "seeds", *(name.replace("_", " ") for name in FIGURES), "minutes")
        parts += [f"## {dataset}", "", f"{FLAGS.steps or steps:,} steps, {num:,} samples.", ""]
        parts += [tables.as_markdown(titles, rows) if rows else "Not yet trained.", ""]
    return "\n".join(parts)


def main(_) -> int:
    """Do what is not yet done; return the exit code."""
    folder, datasets = Path(FLAGS.workdir), FLAGS.only or list(SETS)
    for name in datasets:
        if name not in SETS:
            raise InputError(f"--only={name}: expected some of {', '.join(SETS)}")
    lines = plans.read_plan_file(Path(FLAGS.plan))
    seeds = flags_of.seeds("seeds")
    todo = [(line, d, seed) for d in datasets for seed in seeds for line in lines]
    with workdir.locked(folder), Signals() as signals:
        try:
            for number, (line, dataset, seed) in enumerate(todo, 1):
                one, budget = cell(line.name, line, dataset, seed)
                logging.info("cell %d of %d: %s", number, len(todo), one.name)
                place = folder / one.name
                measure = functools.partial(figures, one, place)
                results.measured(one, budget, place, measure, signals.asked)
                text = table(lines, datasets, seeds, folder)
                workdir.write_whole(folder / "collapse.md", text.encode())
        except Interrupted:
            print("stopped, saved; the same command goes on")
            return 128 + signals.received
    print(table(lines, datasets, seeds, folder))
    return 0


if __name__ == "__main__":
    flags.DEFINE_string("plan", str(ROOT / "configs" / "collapse.plan"), "named flags of a cure")
    flags.DEFINE_list("only", None, "data sets; default: all three")
    flags.DEFINE_list("seeds", ["0", "1", "2"], "of every cell")
    flags.DEFINE_integer("steps", 0, "of every cell; 0: as many as each data set needs")
    flags.DEFINE_string("data_dir", "", "the folder with MNIST's four files")
    flags.DEFINE_string("workdir", "runs/collapse", "the folder of all cells")
    command.run(main, flags_of.parse)
