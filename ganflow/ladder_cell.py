"""One cell of a ladder: a model with its settings, on one data set, with one seed.

    CELL/cell.json     what the cell is, and its budget
         marks.jsonl   one JSON object a mark: training seconds, step, peak memory
         result.json   written last: figures of every mark; a cell that has it is finished
         samples.png   of the last mark
         log.txt       what the training process said

The training runs in a process of its own, `python -m ganflow.ladder_cell --folder=CELL`, so that
its peak memory is its own and its crash ends nothing else. The figures are computed afterwards,
by the process that started it.

The clock of a cell counts building, tracing, compilation, every step, summaries and checkpoints;
it does not count imports, reading the data or the evaluation. With a budget of seconds there are
no summaries; with one of steps there are ten, and one at each mark.
"""

import contextlib
import dataclasses
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import ganflow.quiet  # noqa: F401 - before anything that imports TensorFlow

# isort: split
import numpy as np
import tensorflow as tf
from absl import flags as absl_flags
from absl import logging

from ganflow import command, data, engine, flags, models, pictures, replicas, sampling, workdir
from ganflow.command import Signals
from ganflow.errors import BusyError, NotFiniteError, StorageError

NEVER = 10**9  # a step that no run reaches
_KEEP_ALL = 10**6  # checkpoints: the figures of every mark are computed after the last
_SUMMARIES = 10
_SAMPLES_SHOWN, _COLUMNS = 64, 8


@dataclasses.dataclass(frozen=True)
class Budget:
    """How long a cell trains, and where it is judged on the way."""

    unit: str  # "seconds" or "steps"
    marks: tuple[float, ...]  # rising; the last is the budget

    def __str__(self) -> str:
        return f"{self.marks[-1]:,g} {'s' if self.unit == 'seconds' else 'steps'}"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training run of a ladder."""

    entry: str  # the name in the table
    model: str
    config: Any  # the model's `Config`
    options: engine.Options  # with the seed

    @property
    def name(self) -> str:
        """Its folder below the ladder's workdir."""
        return f"{self.entry}-{self.dataset}-seed{self.options.seed}"

    @property
    def dataset(self) -> str:
        """The data set's name in the table; figures of one name are comparable."""
        enlarged = f"_x{self.options.enlarge}" if self.options.enlarge > 1 else ""
        return self.config.dataset + enlarged

    def identity(self) -> dict:
        """All that decides what the cell trains, as JSON has it."""
        options = dataclasses.asdict(self.options)
        told = {
            "entry": self.entry,
            "model": self.model,
            "config": dataclasses.asdict(self.config),
            "options": {k: v for k, v in options.items() if k not in ("workdir", "data_dir")},
        }
        return json.loads(json.dumps(told))


def with_budget(cell: Cell, budget: Budget, folder: Path) -> Cell:
    """The cell as it trains in `folder`: nothing in the way of the clock, nothing pruned."""
    in_steps = budget.unit == "steps"
    steps = int(budget.marks[-1]) if in_steps else cell.config.steps
    summary_every = max(1, steps // _SUMMARIES) if in_steps else NEVER
    config = dataclasses.replace(cell.config, steps=steps, summary_every=summary_every)
    options = dataclasses.replace(
        cell.options,
        workdir=str(folder),
        checkpoint_every=NEVER,  # but for the marks
        keep_checkpoints=_KEEP_ALL,
        evaluate_every=0,
    )
    return dataclasses.replace(cell, config=config, options=options)


# ------------------------------------------------------------ in the process that trains


class _Clock:
    """Seconds of training: what earlier processes spent on the cell, and this one since."""

    def __init__(self, started: float, spent_seconds: float):
        self._origin = started - spent_seconds
        self._calls: list[float] = []  # seconds of each call of the engine
        self.called_at_seconds = self.seconds()

    def seconds(self) -> float:
        return time.perf_counter() - self._origin

    def called(self, *_) -> None:
        """To be told after each call of the engine."""
        now = self.seconds()
        self._calls.append(now - self.called_at_seconds)
        self.called_at_seconds = now

    def over(self, mark_seconds: float) -> bool:
        """Whether one more call would end after the mark.

        The shortest call so far is the estimate: the first has compiled, and others may have
        waited. Before there are two only the mark itself ends the wait.
        """
        call_seconds = min(self._calls) if len(self._calls) > 1 else 0.0
        return self.seconds() + call_seconds > mark_seconds


def train(folder: Path) -> int:
    """Train the cell in `folder` to the end of its budget, from wherever it is; the exit code.

    Raises:
      InputError, NotFiniteError, StorageError, BusyError: as `bin/train.py`.
    """
    told = json.loads((folder / "cell.json").read_text())
    module = models.load(told["model"])
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in told["config"].items()}
    config, options = module.Config(**values), engine.Options(**told["options"])
    budget = Budget(told["budget"]["unit"], tuple(told["budget"]["marks"]))
    strategy = replicas.make_strategy(options.num_replicas)  # before any operation has run
    dataset = data.load(config.dataset, options.data_dir or None, enlarge=options.enlarge)

    started = time.perf_counter()
    run = engine.Run(module, config, options, dataset, strategy)
    with workdir.locked(folder), Signals() as signals:
        rows = _resume(run, folder)
        clock = _Clock(started, rows[-1]["clock_seconds"] if rows else 0.0)
        passed = sum(row["mark"] is not None for row in rows)
        for mark in budget.marks[passed:]:
            finished = _train_to(run, mark, budget.unit, clock, signals.asked)
            row = {
                "mark": mark if finished else None,  # None: a signal came first
                "step": int(run.step),
                "seconds": round(clock.called_at_seconds, 3),
                "clock_seconds": round(clock.seconds(), 3),  # with this mark's checkpoint
                "peak_mib": round(_peak_memory_mib(), 1),
                "process": os.getpid(),
            }
            rows.append(row)
            write_json_lines(folder / "marks.jsonl", rows)
            if not finished:
                return 128 + signals.received
    return 0


def _resume(run: engine.Run, folder: Path) -> list[dict]:
    """Go to the newest checkpoint whose time is known; the rows of `marks.jsonl` up to there.

    A checkpoint is written before its row. One without a row is of a kill between the two: its
    time is not known, so it is deleted, and its steps are done again.
    """
    rows = read_json_lines(folder / "marks.jsonl")
    last = rows[-1]["step"] if rows else 0
    for path in (folder / "checkpoints").glob("[0-9]*"):
        if int(path.name) > last:
            shutil.rmtree(path)
    if run.resume():
        logging.info("resumed from the checkpoint of step %d", int(run.step))
    return [row for row in rows if row["step"] <= int(run.step)]


def _train_to(run: engine.Run, mark: float, unit: str, clock: _Clock, asked: Callable) -> bool:
    """Train to a mark and save; false where a signal came before it."""
    if unit == "steps":
        return run.train(int(mark), clock.called, asked)
    reached = False

    def stop() -> bool:
        nonlocal reached
        reached = clock.over(mark)
        return reached or asked()

    run.train(NEVER, clock.called, stop)
    return reached


def _peak_memory_mib() -> float:
    """The most that this process has had resident since it was started.

    Not `ru_maxrss`: that one counts the process that started this one as well.
    """
    (line,) = [t for t in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in t]
    return int(line.split()[1]) / 1024


def _end_with_parent() -> None:
    """End at once when whoever started this process has ended, by whatever means."""

    def wait():
        os.read(0, 1)  # the parent never writes, so this returns at its end
        os._exit(128 + signal.SIGKILL)

    threading.Thread(target=wait, daemon=True).start()


# ------------------------------------------------------------ in the process that asks for it


class Interrupted(Exception):
    """A signal has asked the ladder to stop, and the cell has saved."""


def finish(cell: Cell, budget: Budget, folder: Path, judge: Callable, asked: Callable) -> dict:
    """Train a cell in a process of its own, judge its marks, and write `result.json`.

    Args:
      cell: what to train.
      budget: how long.
      folder: the cell's folder; what is there already is gone on with.
      judge: () -> an `evaluation.Judge`, asked for after the training.
      asked: whether a signal has asked to stop.

    Returns:
      What `result.json` holds. A run that stopped being finite is a result too: `failed` says
      so. Any other failure is returned the same way, but not written, so that it is tried again.

    Raises:
      Interrupted: `asked` came true.
      StorageError, BusyError: nothing of the ladder could be written any more.
    """
    done = folder / "result.json"
    if done.exists():
        _keep_newest(folder)  # a kill may have come between the file and this
        return json.loads(done.read_text())
    with workdir.storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(".*.partial"):
            leftover.unlink()
    ready = with_budget(cell, budget, folder)
    told = cell.identity() | {
        "config": dataclasses.asdict(ready.config),
        "options": dataclasses.asdict(ready.options),
        "budget": dataclasses.asdict(budget),
    }
    workdir.write_whole(folder / "cell.json", json.dumps(told, indent=1).encode() + b"\n")
    code, said = _in_own_process(folder, asked)
    if asked():
        raise Interrupted
    if code in (StorageError.exit_code, BusyError.exit_code):
        raise (StorageError if code == StorageError.exit_code else BusyError)(said)
    failed = None if code == 0 else f"exit code {code}: {said}"
    result = _judged(cell, folder, None if failed else judge()) | {"failed": failed}
    if code in (0, NotFiniteError.exit_code):
        workdir.write_whole(done, json.dumps(result, indent=1).encode() + b"\n")
        _keep_newest(folder)
    return result


def _in_own_process(folder: Path, asked: Callable) -> tuple[int, str]:
    """The exit code of the training process, and the last line it said."""
    program = [sys.executable, "-m", "ganflow.ladder_cell", f"--folder={folder}"]
    # ganflow.quiet has set this one here, and without it keeps the log of the child clear.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    with open(folder / "log.txt", "ab") as log:
        # A group of its own: a Ctrl-C reaches this process alone, which passes it on once.
        streams = {"stdin": subprocess.PIPE, "stdout": log, "stderr": log}
        child = subprocess.Popen(program, **streams, env=environment, process_group=0)
        told = False
        while child.poll() is None:
            if asked() and not told:
                child.send_signal(signal.SIGTERM)
                told = True
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0.1)
        child.stdin.close()
    lines = (folder / "log.txt").read_text(errors="replace").strip().splitlines() or ["(nothing)"]
    return child.returncode, lines[-1].removeprefix("ladder_cell.py: ")


def _judged(cell: Cell, folder: Path, judge) -> dict:
    """The cell's marks with their figures (without a judge: without), its speed, its memory."""
    rows = read_json_lines(folder / "marks.jsonl")
    marks = [
        {name: row[name] for name in ("mark", "seconds", "step")}
        for row in rows
        if row["mark"] is not None
    ]
    result = {
        **cell.identity(),
        "dataset": cell.dataset,
        "seed": cell.options.seed,
        "marks": marks,
        "steps_per_second": _steps_per_second(rows),
        "peak_mib": max((row["peak_mib"] for row in rows), default=None),
        "processes": len({row["process"] for row in rows}),
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        },
    }
    if judge is None:
        return result
    figures = {}
    for mark in marks:
        step = mark["step"]
        if step not in figures:  # two marks within one call of the engine share a step
            samples = sampling.generate(folder, judge.num, seed=1, step=step)
            figures[step] = judge.figures(samples)
        mark["figures"] = figures[step]
    if samples.ndim == 2:
        picture = pictures.points(samples, f"{cell.name}, step {step:,}")
    else:
        picture = pictures.grid(samples[:_SAMPLES_SHOWN], _COLUMNS)
    pictures.write_png(folder / "samples.png", picture)
    floor = {name: figure.value for name, figure in judge.floor.items()}
    return result | {"num": judge.num, "floor": floor}


def _steps_per_second(rows: list[dict]) -> float | None:
    """From the first mark to the last, and so without compilation; with one mark from the start."""
    if not rows:
        return None
    first = rows[0] if rows[-1]["step"] > rows[0]["step"] else {"step": 0, "seconds": 0.0}
    seconds = rows[-1]["seconds"] - first["seconds"]
    return (rows[-1]["step"] - first["step"]) / seconds if seconds > 0 else None


def _keep_newest(folder: Path) -> None:
    """Delete all checkpoints but the newest: they have been judged."""
    steps = sorted(int(path.name) for path in (folder / "checkpoints").glob("[0-9]*"))
    for step in steps[:-1]:
        shutil.rmtree(folder / "checkpoints" / f"{step:09d}")


def read_json_lines(path: Path) -> list[dict]:
    """The objects of a file of JSON lines; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def write_json_lines(path: Path, rows: list[dict]) -> None:
    """Write such a file, whole."""
    workdir.write_whole(path, "".join(json.dumps(row) + "\n" for row in rows).encode())


def _main(_) -> int:
    _end_with_parent()
    return train(Path(absl_flags.FLAGS.folder))


if __name__ == "__main__":
    absl_flags.DEFINE_string("folder", None, "the cell's folder, with cell.json", required=True)
    command.run(_main, flags.parse)
