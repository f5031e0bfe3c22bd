"""Workdirs that are taken away from a run: made read-only, deleted, renamed."""

import shutil
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

from benchmarks.reliability import here, trainings
from benchmarks.reliability.trying import Outcome
from ganflow.summaries.recorder import Recorder
from tests import disks


def _train_until(workdir: Path, row: int, then: Callable[[], None]):
    """Train, and do something when so many rows are written."""
    record, seen = Recorder.record, []

    def watched(self, moment):
        record(self, moment)
        seen.append(moment)
        if len(seen) == row:
            then()

    Recorder.record = watched
    try:
        return here.circle().train(workdir, here.STEPS)
    finally:
        Recorder.record = record


def read_only(shared: Path, folder: Path) -> Outcome:
    """A disk that may not be written, from the start or in the middle of a run."""
    outcome = Outcome()
    try:
        with disks.small_disk(8192) as disk:
            workdir = disk / "run"
            workdir.mkdir()
            disks.make_read_only(disk)
            fault = trainings.fault_of_end(here.circle().train(workdir, here.STEPS), {2})
            disks.make_read_only(disk, False)
            fault = fault or here.goes_on(workdir, shared)
            outcome.saw("refused with code 2, then trained", fault and f"at the start: {fault}")
            for is_held in (True, False):  # whether this file system can do it at all
                _hold(workdir, is_held)
    except disks.NoMount as error:
        outcome.skipped = str(error)
        return outcome
    except subprocess.CalledProcessError as error:
        outcome.skipped = f"folders cannot be made immutable here: {error.stderr!r}"
        return outcome
    for row in (1, 2, 3):
        with disks.small_disk(8192) as disk:
            workdir = disk / "run"
            workdir.mkdir()
            # While a file is open for writing a disk cannot be made so; an immutable folder can.
            ended = _train_until(workdir, row, lambda w=workdir: _hold(w, True))
            _hold(workdir, False)
            fault = trainings.fault_of_end(ended, {4}) or here.goes_on(workdir, shared)
            outcome.saw(
                "ended with code 4, then went on", fault and f"after {row} summaries: {fault}"
            )
    return outcome


def _hold(workdir: Path, is_held: bool) -> None:
    """Let nothing be made, renamed or deleted in the folders of a workdir; or let it be again."""
    folders = [workdir, workdir / "checkpoints"]
    flag = "+i" if is_held else "-i"
    subprocess.run(["chattr", flag, *map(str, folders)], check=True, capture_output=True)


def vanishes(
    shared: Path,
    folder: Path,
    rows: Sequence[int] = (1, 2, 3),
    how: Sequence[str] = ("deleted", "renamed"),
) -> Outcome:
    """The workdir is deleted, or renamed, in the middle of a run."""
    outcome = Outcome()
    for row in rows:
        for told in how:
            workdir, aside = folder / f"{row} {told}", folder / f"{row} aside"

            def take_away(workdir=workdir, aside=aside, told=told):
                shutil.rmtree(workdir) if told == "deleted" else workdir.rename(aside)

            ended = _train_until(workdir, row, take_away)
            fault = trainings.fault_of_end(ended, {4})
            if not fault and workdir.exists():
                left = sorted(str(p.relative_to(workdir)) for p in workdir.rglob("*"))
                fault = f"made it anew without its lock: {left[:3]}"
            if told == "renamed" and not fault:
                fault = here.goes_on(aside, shared)
            what = f"ended with code 4, {told}"
            outcome.saw(what, fault and f"{told} after {row} summaries: {fault}")
    return outcome
