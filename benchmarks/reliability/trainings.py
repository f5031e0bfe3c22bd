"""Trainings in other processes, and how their ends are judged."""

import contextlib
import json
import re
import signal
from pathlib import Path

from tests import processes
from tests.processes import Ended, Process

FAULTY = Path(__file__).with_name("faulty.py")
CODES = {0, 2, 3, 4, 5, 6, 130, 143, 129}  # that are documented, but for a defect's
CIRCLE = (  # seconds long, and yet with summaries and saves
    *("--model=circle", "--jit=off", "--g_hidden=8,4", "--d_hidden=8,4", "--batch_size=16"),
    *("--summary_every=20", "--checkpoint_every=4", "--steps=80"),
)


def start(*flags: str, workdir: Path, faults: dict | None = None) -> Process:
    """A training as a process.

    Args:
      flags: of bin/train.py.
      workdir: its own.
      faults: see `faulty`; none by default.
    """
    words = (*flags, f"--workdir={workdir}")
    if not faults:
        return Process("train.py", *words)
    return Process(str(FAULTY), json.dumps(faults), "train.py", *words)


def whole(folder: Path, *flags: str) -> Path:
    """The workdir of these flags' undisturbed run, trained where it is not there yet."""
    workdir = folder / "whole"
    if not (folder / "done").exists():
        finish(*flags, workdir=workdir)
        (folder / "done").touch()
    return workdir


def finish(*flags: str, workdir: Path) -> Ended:
    """Train to the end, which has to succeed."""
    ended = start(*flags, workdir=workdir).end()
    if ended.code != 0:
        raise AssertionError(f"code {ended.code}: {ended.err[-500:]}")
    return ended


def fault_of_end(ended: Ended, codes: set[int]) -> str:
    """What is wrong with a program's end: another code, a traceback, more than a line; or ""."""
    if ended.code not in codes:
        return f"code {ended.code}, not {sorted(codes)}: {ended.err[-300:]!r}"
    if "Traceback" in ended.err:
        return f"a traceback: {ended.err[-300:]!r}"
    if ended.code in (2, 3, 4, 5, 6):
        return fault_of_line(ended)
    return ""


def fault_of_line(ended: Ended) -> str:
    """Whether its error is one line, after lines of the log alone."""
    *before, last = ended.err.splitlines() or [""]
    if not re.match(r"(train\.py|ganflow-train): ", last):
        return f"no line that says why: {last[:200]!r}"
    strays = [
        line for line in before if not re.match(r"[IWE]\d{4} [\d:.]+ \d+ \w+\.py:\d+\] ", line)
    ]
    return f"more than a line: {strays[0][:200]!r}" if strays else ""


def difference(whole_run: Path, workdir: Path, rows: bool = True) -> str:
    """How a run's end differs from that of the undisturbed one, to the bit; or ""."""
    try:
        if rows:
            processes.assert_same_run(whole_run, workdir)
        else:
            processes.assert_same_tensors(whole_run, workdir)
    except AssertionError as error:
        return f"ends otherwise: {str(error).splitlines()[0][:200]}"
    return ""


def unsound(workdir: Path) -> str:
    """A checkpoint that is there and not whole; or ""."""
    from ganflow.storage import checkpoints

    for path in checkpoints._folders(workdir / "checkpoints"):
        if reason := checkpoints._reason_to_reject(path):
            return f"{path.name}: {reason}"
    return ""


def goes_on(*flags: str, workdir: Path, like: Path, rows: bool = True) -> str:
    """Start again and train to the end: what was wrong with it, or ""."""
    ended = start(*flags, workdir=workdir).end()
    fault = fault_of_end(ended, {0})
    return fault or difference(like, workdir, rows)


@contextlib.contextmanager
def killed_at_the_end(process: Process):
    """Leave no process behind, whatever the case finds."""
    try:
        yield process
    finally:
        process.send(signal.SIGKILL)
