"""Point 6: two writers, locks of all sorts, a clock that jumps, a workdir that is taken away."""

import errno
import fcntl
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Collection
from pathlib import Path

from benchmarks.reliability import here, taken_away, trainings
from benchmarks.reliability.trying import Case, Outcome, Point
from ganflow.base.errors import BusyError, GanflowError, InputError
from ganflow.storage import workdir
from tests import processes

LOCKS: dict[str, bytes] = {  # what a lock that nobody holds may have in it
    "of a process that is no more": b"4194000",
    "empty": b"",
    "of bytes that are no text": b"\xff\xfe\x00\x80" * 10,
    "of another language": "процесс".encode(),
    "of 50 MB": b"1" * 50_000_000,
}
_HOLDER = """
import fcntl, sys, time
file = open(sys.argv[1], "a+b")
fcntl.flock(file, fcntl.LOCK_EX)
print("held", flush=True)
time.sleep(600)
"""

# ---------------------------------------------------------------- writers and locks


def several_writers(number: int, folder: Path) -> Outcome:
    """So many at the same moment: one trains, all others end with code 5, and no file is mixed."""
    outcome, workdir = Outcome(), folder / "run"
    like = trainings.whole(folder.parent / "processes", *trainings.CIRCLE)
    started = [trainings.start(*trainings.CIRCLE, workdir=workdir) for _ in range(number)]
    ends = [process.end() for process in started]
    codes = sorted(ended.code for ended in ends)
    fault = next(filter(None, (trainings.fault_of_end(e, {0, 5}) for e in ends)), "")
    if codes.count(0) < 1:
        fault = fault or f"codes {codes}"
    fault = fault or trainings.difference(like, workdir)
    what = f"{codes.count(5)} of {number} were refused, one at a time wrote"
    outcome.saw(what, fault and f"{number} writers: {fault}")
    return outcome


def _fault_of_lock(folder: Path, kind: type[GanflowError] | None) -> str:
    """Try to lock a workdir, which has to be refused in a line of this kind, or to succeed."""
    try:
        with workdir.locked(folder):
            return f"was locked, and not refused as a {kind.__name__}" if kind else ""
    except GanflowError as error:
        line = str(error)
        if type(error) is not kind:
            return f"{type(error).__name__}: {line[:200]!r}"
        return "" if "\n" not in line and len(line) < 1000 else f"no line: {line[:200]!r}"


def abandoned_locks(folder: Path) -> Outcome:
    """Locks that nobody holds are no hindrance, whatever is in them."""
    outcome = Outcome()
    for told, content in LOCKS.items():
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        (run / ".lock").write_bytes(content)
        fault = _fault_of_lock(run, None)
        outcome.saw("an abandoned lock was taken", fault and f"a lock {told}: {fault}")
    return outcome


def foreign_locks(folder: Path, which: Collection[str] = tuple(LOCKS)) -> Outcome:
    """Locks that another program holds: refused with code 5, then free."""
    outcome = Outcome()
    for told in which:
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        (run / ".lock").write_bytes(LOCKS[told])
        command = [sys.executable, "-c", _HOLDER, str(run / ".lock")]
        holder = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
        holder.stdout.readline()
        fault = _fault_of_lock(run, BusyError)
        holder.kill()
        holder.communicate()
        fault = fault or _fault_of_lock(run, None)
        outcome.saw("refused while it was held", fault and f"held, {told}: {fault}")
    return outcome


def strange_locks(folder: Path) -> Outcome:
    """A lock that is no file: a line, and nothing outside is touched."""
    outcome, outside = Outcome(), folder / "precious.txt"
    makers: dict[str, Callable[[Path], None]] = {
        "a folder": lambda p: p.mkdir(),
        "a pipe": os.mkfifo,
        "a link to another file": lambda p: p.symlink_to(outside),
        "a link to nothing": lambda p: p.symlink_to(folder / "made"),
        "a link to /dev/zero": lambda p: p.symlink_to("/dev/zero"),
        "a link to itself": lambda p: p.symlink_to(p),
    }
    for told, make in makers.items():
        run = folder / "run"
        shutil.rmtree(run, ignore_errors=True)
        run.mkdir()
        outside.write_text("precious")
        make(run / ".lock")
        fault = _fault_of_lock(run, InputError)
        if outside.read_text() != "precious" or (folder / "made").exists():
            fault = "a file outside of the workdir was written"
        outcome.saw("refused in a line", fault and f"a lock that is {told}: {fault}")
    return outcome


def lost_lock(shared: Path, folder: Path) -> Outcome:
    """A file system that has no locks (a dead server's): flock fails with another error."""
    outcome, flock = Outcome(), fcntl.flock

    def fails(descriptor, how):
        raise OSError(errno.ENOLCK, "No locks available")

    fcntl.flock = fails
    try:
        ended = here.circle().train(folder / "run", here.STEPS)
    finally:
        fcntl.flock = flock
    fault = trainings.fault_of_end(ended, {2})
    fault = fault or here.goes_on(folder / "run", shared)
    outcome.saw("refused in a line", fault and f"no locks: {fault}")
    return outcome


# ---------------------------------------------------------------- the clock


def clock(folder: Path) -> Outcome:
    """The wall clock jumps back by a day at every other look."""
    outcome = Outcome()
    like = trainings.whole(folder.parent / "processes", *trainings.CIRCLE)
    for number in range(2):
        workdir, faults = folder / f"{number}", {"clock": "back"}
        process = trainings.start(*trainings.CIRCLE, workdir=workdir, faults=faults)
        if number:
            process.wait_until(lambda w=workdir: processes.steps(w)[-1:] > [8])
            process.send(signal.SIGKILL)
            process.end()
            process = trainings.start(*trainings.CIRCLE, workdir=workdir, faults=faults)
        fault = trainings.fault_of_end(process.end(), {0})
        fault = fault or trainings.difference(like, workdir)
        outcome.saw("trained, killed, gone on" if number else "trained", fault)
    return outcome


def cases(shared: Path) -> list[Case]:
    """Locks; the clock; what is taken away."""
    (shared / "processes").mkdir(exist_ok=True)
    of_shared = {
        "a workdir that vanishes": taken_away.vanishes,
        "a disk that may not be written": taken_away.read_only,
        "a file system without locks": lost_lock,
    }
    made = [
        Case(name, lambda folder, work=work: work(shared, folder))
        for name, work in of_shared.items()
    ]
    made += [
        Case("locks that nobody holds", abandoned_locks),
        Case("locks that are no files", strange_locks),
        Case("locks that another program holds", foreign_locks),
    ]
    made += [
        Case(f"{n} writers at once", lambda folder, n=n: several_writers(n, folder)) for n in (2, 4)
    ]
    return [*made, Case("a clock that jumps back", clock)]


POINT = Point(
    number=6,
    title="Two writers, locks, clocks, and a workdir that goes away",
    promise="One process at a time writes in a workdir; any other ends with code 5. A lock that "
    "nobody holds is taken, whatever is in it, and one that is no file is refused without touching "
    "what it leads to. The wall clock decides nothing. A workdir that cannot be written is code 2 "
    "at the start and code 4 later; one that vanishes is code 4, and is not made anew.",
    how="Two and four trainings started at one moment; locks held by another program, and "
    f"abandoned ones ({', '.join(LOCKS)}); locks that are folders, pipes and links; a file system "
    "that has no locks; a clock that jumps back by a day at every other look; a disk mounted "
    "read-only, folders made immutable after one, two and three summaries; a workdir deleted, and "
    "renamed, likewise.",
    not_promised="The lock is the kernel's (`flock`): it holds among the processes of one machine, "
    "and over NFS as far as the server does locks. Two machines on a file system that shares no "
    "locks are not kept apart.",
    cases=cases,
)
