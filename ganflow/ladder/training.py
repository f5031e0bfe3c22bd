"""The process that trains one cell: `python -m ganflow.ladder.training --folder=CELL`.

It is a process of its own so that its peak memory is its own and its crash ends nothing else.

The clock of a cell counts building, tracing, compilation, every step, summaries and checkpoints;
it does not count imports, reading the data or the evaluation. With a budget of seconds there is
no summary but that of step 0, and calls have fewer steps near a mark, so that they end at it; with
one of steps there are ten summaries, and one at each mark.
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

    def __init__(self, started: float, spent_seconds: float, step: int):
        self._origin = started - spent_seconds
        self._step = step
        self._begun_at_seconds = 0.0  # the call under way, or the last one
        self._calls = 0
        self._step_seconds: float | None = None  # of the last call; the first has compiled
        self.called_at_seconds = self.seconds()

    def seconds(self) -> float:
        return time.perf_counter() - self._origin

    def called(self, step: int) -> None:
        """To be told of the step after each call of the engine."""
        self.called_at_seconds = self.seconds()
        if self._calls:
            self._step_seconds = (self.called_at_seconds - self._begun_at_seconds) / (
                step - self._step
            )
        self._calls, self._step = self._calls + 1, step

    def steps_before(self, mark_seconds: float, most: int) -> int:
        """How many steps a call may have that begins now and ends at the mark; 0: none.

        Until it is known what a step takes, a call has one: the first, which compiles, and the
        second. Then a step is taken to need what it needed in the last call.
        """
        self._begun_at_seconds = self.seconds()
        left_seconds = mark_seconds - self._begun_at_seconds
        if left_seconds <= 0:
            return 0
        if self._step_seconds is None:
            return 1
        return min(most, int(left_seconds / self._step_seconds))


def train(folder: Path) -> int:
    """Train the cell in `folder` to the end of its budget, from wherever it is; the exit code.

    Raises:
      InputError, NotFiniteError, StorageError, BusyError: as training by `ganflow-train`.
    """
    cell, budget = cells.read(folder)
    config, options = cell.config, cell.options
    strategy = replicas.make_strategy(options.num_replicas)  # before any operation has run
    dataset = data.load(
        config.dataset, options.data_dir or None, "train", **data.shaping(vars(options))
    )

    started = time.perf_counter()
    run = engine.Run(models.load(cell.model), config, options, dataset, strategy)
    with workdir.locked(folder), Signals() as signals:
        rows = _resume(run, folder)
        clock = _Clock(started, rows[-1]["clock_seconds"] if rows else 0.0, int(run.step))
        most = run.steps_per_call
        passed = sum(row["mark"] is not None for row in rows)
        for mark in budget.marks[passed:]:
            goes_on = mark != budget.marks[-1]
            finished = _train_to(run, mark, budget.unit, most, clock, signals.asked, goes_on)
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


def _train_to(
    run: engine.Run,
    mark: float,
    unit: str,
    most: int,
    clock: _Clock,
    asked: Callable,
    goes_on: bool,
) -> bool:
    """Train to a mark and save; false where a signal came before it.

    Args:
      run: the cell's.
      mark: in `unit`, "seconds" or "steps".
      most: steps in a call; near a mark of seconds they are fewer, which changes no weight.
      clock: the cell's.
      asked: whether a signal has asked to stop.
      goes_on: whether there is a mark after this one.
    """
    if unit == "steps":
        return run.train(int(mark), clock.called, asked, goes_on=goes_on)
    reached = False

    def stop() -> bool:
        nonlocal reached
        steps = clock.steps_before(mark, most)
        run.steps_per_call, reached = max(1, steps), steps == 0
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
