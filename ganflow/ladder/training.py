"""The process that trains one cell: `python -m ganflow.ladder.training --folder=CELL`.

It is a process of its own so that its peak memory is its own and its crash ends nothing else.

The clock of a cell counts building, tracing, compilation, every step, summaries and checkpoints;
it does not count imports, reading the data or the evaluation. With a budget of seconds there is
no summary but that of step 0; with one of steps there are ten, and one at each mark.
"""

import os
import shutil
import signal
import threading
import time
from collections.abc import Callable
from pathlib import Path

import ganflow.base.quiet  # noqa: F401 - before anything that imports TensorFlow

# isort: split
from absl import flags as absl_flags
from absl import logging

from ganflow import data, engine, models
from ganflow.cli import command, flags
from ganflow.cli.command import Signals
from ganflow.ladder import cells
from ganflow.ladder.cells import NEVER
from ganflow.nn import replicas
from ganflow.storage import workdir


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
      InputError, NotFiniteError, StorageError, BusyError: as training by `ganflow-train`.
    """
    cell, budget = cells.read(folder)
    config, options = cell.config, cell.options
    strategy = replicas.make_strategy(options.num_replicas)  # before any operation has run
    dataset = data.load(config.dataset, options.data_dir or None, enlarge=options.enlarge)

    started = time.perf_counter()
    run = engine.Run(models.load(cell.model), config, options, dataset, strategy)
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
            cells.write_json_lines(folder / "marks.jsonl", rows)
            if not finished:
                return 128 + signals.received
    return 0


def _resume(run: engine.Run, folder: Path) -> list[dict]:
    """Go to the newest checkpoint whose time is known; the rows of `marks.jsonl` up to there.

    A checkpoint is written before its row. One without a row is of a kill between the two: its
    time is not known, so it is deleted, and its steps are done again.
    """
    rows = cells.read_json_lines(folder / "marks.jsonl")
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


def _main(_) -> int:
    _end_with_parent()
    return train(Path(absl_flags.FLAGS.folder))


if __name__ == "__main__":
    absl_flags.DEFINE_string("folder", None, "the cell's folder, with cell.json", required=True)
    command.run(_main, flags.parse)
