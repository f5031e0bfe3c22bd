"""Quality on MNIST after so many minutes: ours beside a plain DCGAN in Keras, by three figures.

    python benchmarks/time_to_quality.py --data_dir=DIR --plan=FILE --workdir=runs/time_to_quality

Leave the machine alone meanwhile. All systems are trained one after another, each in a process of
its own, and judged by one judge. A plan has the lines of `bin/ladder.py --plan`; without one it is
`PLAN` below, the documents' systems at their own settings. The same command again goes on: a
system of ours from its last mark, the reference from its start. Left behind: table.md, table.json,
curves.png.

The figures are the judge's Fréchet distance, that of a second judge (another network, another
seed), and the distance of patches, which needs no classifier. A system counts as better than the
reference only where all three say so.

Training time counts building, tracing, compilation, every step and our checkpoints; not imports,
reading the data, or sampling and judging.
"""

import contextlib
import functools
import json
import shlex
import statistics
import subprocess
import sys
import time
from pathlib import Path

from absl import flags, logging

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import ganflow.base.quiet  # noqa: E402, F401 - before anything that imports TensorFlow

# isort: split
import numpy as np  # noqa: E402
import tensorflow as tf  # noqa: E402

from ganflow.base.errors import GanflowError, InputError  # noqa: E402
from ganflow.cli import command  # noqa: E402
from ganflow.cli.command import Signals  # noqa: E402
from ganflow.cli.flags import parse  # noqa: E402
from ganflow.ladder import plans, reports, running  # noqa: E402
from ganflow.ladder.cells import Budget  # noqa: E402
from ganflow.ladder.results import Interrupted, finish  # noqa: E402
from ganflow.storage import workdir  # noqa: E402

FLAGS = flags.FLAGS
REFERENCE = "keras_dcgan"
PROGRAM = ROOT / "benchmarks" / "peers" / f"{REFERENCE}.py"
PLAN = """
simple: --model=simple --dataset=mnist
simple_keras: --model=simple_keras --dataset=mnist
dcgan_upsampling: --model=dcgan_upsampling --dataset=mnist
dense_logits: --model=dense_logits --dataset=mnist
dense_batch_norm: --model=dense_batch_norm --dataset=mnist
"""
_FIGURES = {
    "frechet_distance": "Fréchet distance",
    "second_frechet_distance": "second judge's",
    "patch_distance": "patch distance",
}


class PeerError(GanflowError):
    """The reference has ended with an error of its own."""


def busy_elsewhere(seconds: float = 1.0) -> float:
    """Share of the machine's processor time that others take while this process sleeps."""

    def ticks() -> tuple[int, int]:
        fields = [int(f) for f in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]  # all, and of those idle or waiting for disks

    all_before, idle_before = ticks()
    time.sleep(seconds)
    all_after, idle_after = ticks()
    return 1 - (idle_after - idle_before) / max(1, all_after - all_before)


def reference(folder: Path, seed: int, budget: Budget, data_dir: str, judge, asked) -> dict:
    """Train and judge the reference; what is finished in `folder` is read.

    Args:
      folder: its folder.
      seed: of its weights, data order and z.
      budget: in seconds.
      data_dir: where MNIST lies.
      judge: () -> an `evaluation.Judge`.
      asked: whether a signal has asked to stop.

    Returns:
      As `results.finish`.

    Raises:
      Interrupted: `asked` came true.
      PeerError: it ended with an error.
    """
    done = folder / "result.json"
    if done.exists():
        return json.loads(done.read_text())
    folder.mkdir(parents=True, exist_ok=True)
    marks = ",".join(f"{mark:g}" for mark in budget.marks)
    words = [f"--data_dir={data_dir}", f"--out={folder}", f"--seed={seed}", f"--marks={marks}"]
    with open(folder / "log.txt", "wb") as log:
        child = subprocess.Popen([sys.executable, str(PROGRAM), *words], stdout=log, stderr=log)
        try:
            while child.poll() is None and not asked():
                with contextlib.suppress(subprocess.TimeoutExpired):
                    child.wait(timeout=0.1)
        finally:
            if child.poll() is None:
                child.kill()
                child.wait()
    if asked():
        raise Interrupted
    if child.returncode:
        raise PeerError(f"{PROGRAM.name}: exit code {child.returncode}; see {folder / 'log.txt'}")
    result = json.loads((folder / "trained.json").read_text())
    for mark, at in zip(budget.marks, result["marks"], strict=True):
        samples = np.load(folder / f"mark_{mark:g}.npy", allow_pickle=False)
        at |= {"mark": mark, "figures": judge().figures(samples[: judge().num])}
    workdir.write_whole(done, json.dumps(result, indent=1).encode() + b"\n")
    return result


def train_all(plan: plans.Plan, seeds: list[int], folder: Path, asked) -> dict[str, list[dict]]:
    """Every system's results, one a seed; the reference comes first in each round.

    Raises:
      Interrupted: `asked` came true.
      InputError, StorageError, BusyError: see `results.finish`.
    """
    judge = functools.cache(lambda: running.judge_of(plan.cells[0], plan.num))
    results: dict[str, list[dict]] = {REFERENCE: []}
    data_dir = plan.cells[0].options.data_dir

    def took_part(name: str, seed: int, train) -> None:
        busy = busy_elsewhere()
        logging.info("%s, seed %d; others take %.0f %% of the machine", name, seed, 100 * busy)
        result = train(folder / f"{name}-mnist-seed{seed}")
        results.setdefault(name, []).append(result)

    for seed in seeds:
        took_part(
            REFERENCE,
            seed,
            lambda at, seed=seed: reference(at, seed, plan.budget, data_dir, judge, asked),
        )
        for cell in plan.cells:
            if cell.options.seed == seed:
                took_part(
                    cell.entry,
                    seed,
                    lambda at, cell=cell: finish(cell, plan.budget, at, judge, asked),
                )
    return results


def table(results: dict[str, list[dict]], marks: tuple[float, ...], program: str) -> str:
    """A table of systems by marks for each figure, in Markdown, and who is better than whom.

    Args:
      results: system -> results of its seeds, the reference among them.
      marks: in seconds.
      program: the command line.
    """
    sound = {name: found for name, found in results.items() if not any(map(_failed, found))}
    first = next(iter(_FIGURES))
    order = sorted(sound, key=lambda name: (name == REFERENCE, _means(sound[name], first)[-1]))
    lines = [f"    {program}", ""]
    for figure, title in _FIGURES.items():
        heads = [title, "seeds", *map(_minutes, marks), "steps/s", "peak memory"]
        lines += [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
        for name in order:
            found = sound[name]
            columns = zip(*_at_marks(found, figure), strict=True)
            shown = [reports.spread(column, reports.three) for column in columns]
            rate = reports.spread([r["steps_per_second"] for r in found], reports.three)
            peak = max(result["peak_mib"] for result in found)
            cells = [f"`{name}`", str(len(found)), *shown, rate, f"{peak:,.0f} MiB"]
            lines.append(f"| {' | '.join(cells)} |")
        lines.append("")
    lines += ["Lower is better.", ""]
    if REFERENCE in sound:
        ours = [name for name in order if name != REFERENCE]
        lines += [f"- {_verdict(name, sound, marks)}" for name in ours]
    for name, found in results.items():
        for result in filter(_failed, found):
            lines.append(f"- `{name}`, seed {result['seed']} failed: {result['failed']}")
    return "\n".join(lines) + "\n"


def _verdict(name: str, sound: dict[str, list[dict]], marks: tuple[float, ...]) -> str:
    """What share of the reference's figures a system has, and where all three are below 1."""
    shares = [
        [
            mine / theirs
            for mine, theirs in zip(
                _means(sound[name], figure), _means(sound[REFERENCE], figure), strict=True
            )
        ]
        for figure in _FIGURES
    ]
    at = [
        _minutes(mark)
        for mark, of in zip(marks, zip(*shares, strict=True), strict=True)
        if max(of) < 1
    ]
    last = ", ".join(f"{of_figure[-1]:.2f}" for of_figure in shares)
    where = f"by all three figures at {', '.join(at)}" if at else "at no mark by all three figures"
    return f"`{name}`: {last} of the reference's at {_minutes(marks[-1])}; better {where}."


def _failed(result: dict) -> bool:
    return bool(result.get("failed"))


def _at_marks(results: list[dict], figure: str) -> list[list[float]]:
    return [[mark["figures"][figure] for mark in result["marks"]] for result in results]


def _means(results: list[dict], figure: str) -> list[float]:
    return [statistics.fmean(column) for column in zip(*_at_marks(results, figure), strict=True)]


def _minutes(seconds: float) -> str:
    return f"{seconds / 60:g} min" if seconds % 60 == 0 else f"{seconds:g} s"


def main(_) -> int:
    tf.config.set_visible_devices([], "GPU")  # left to the processes that train
    seeds = [int(seed) for seed in FLAGS.seeds]
    marks = [float(mark) for mark in FLAGS.marks]
    budget = plans.budget(marks[-1], None, marks if len(marks) > 1 else [1])
    where = Path(FLAGS.plan) if FLAGS.plan else None
    entries = plans.read_plan_file(where) if where else plans.read_plan(PLAN, "the usual plan")
    plan = plans.make_plan(entries, None, seeds, budget, FLAGS.num, FLAGS.data_dir)
    for cell in plan.cells:
        if cell.dataset != "mnist" or cell.entry == REFERENCE:
            raise InputError(f"{cell.name}: expected --dataset=mnist, and not the reference's name")
    folder = Path(FLAGS.workdir)
    with workdir.locked(folder), Signals() as signals:
        running.agree(plan, folder)
        try:
            results = train_all(plan, seeds, folder, signals.asked)
        except Interrupted:
            return 128 + signals.received
    text = table(results, budget.marks, shlex.join(["python", *sys.argv]))
    workdir.write_whole(folder / "table.json", json.dumps(results, indent=1).encode() + b"\n")
    workdir.write_whole(folder / "table.md", text.encode())
    panels = {
        f"mnist: {title}": [
            (name, [[(m["seconds"], m["figures"][figure]) for m in r["marks"]] for r in found])
            for name, found in results.items()
            if not any(map(_failed, found))
        ]
        for figure, title in _FIGURES.items()
    }
    reports.draw_panels(panels, folder / "curves.png", "training seconds")
    print(text, end="")
    return 0


if __name__ == "__main__":
    flags.DEFINE_string("data_dir", "", "the folder with MNIST's four IDX files")
    flags.DEFINE_string("plan", None, "a file of named command lines: our systems")
    flags.DEFINE_list("seeds", ["0"], "seeds of every system")
    flags.DEFINE_list("marks", ["60", "120", "300", "600"], "seconds of training, rising")
    flags.DEFINE_integer("num", 10_000, "samples judged at each mark", lower_bound=10)
    flags.DEFINE_string("workdir", "runs/time_to_quality", "the benchmark's folder")
    command.run(main, parse)
