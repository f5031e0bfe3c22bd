"""Point 3: the disk is full, at every page of room that a run asks for."""

from pathlib import Path

from benchmarks.reliability import here, trainings
from benchmarks.reliability.trying import Case, Outcome, Point
from tests import disks, processes

PAGE_KB = 4  # in which a tmpfs gives room
DISK_KB = 4096
FILE_LIMITS = (1024, 65_536, 300_000, 5_000)  # bytes of one file
ROUNDS = 40  # the pages of a run, each in one of so many cases
NO_ROOM = ("No space left on device", "File too large", "ResourceExhausted", "OUT_OF_RANGE")


def size_kb(folder: Path) -> int:
    """The room that a folder's files take."""
    pages = [-(-p.stat().st_size // (PAGE_KB * 1024)) for p in folder.rglob("*") if p.is_file()]
    return PAGE_KB * sum(pages)


def full_at(leave_kb: int, like: Path) -> tuple[str, str]:
    """Train where so much room is left; (what happened, what was wrong with it)."""
    with disks.small_disk(DISK_KB) as disk:
        filler = disks.fill(disk, leave_kb)
        workdir = disk / "run"
        ended = here.circle().train(workdir, here.STEPS)
        if fault := trainings.fault_of_end(ended, {0, 4}):
            return "", fault
        if ended.code and not any(told in ended.err for told in NO_ROOM):
            return "", f"does not say why: {ended.err[-200:]!r}"
        if fault := trainings.unsound(workdir):
            return "", f"left unsound: {fault}"
        if left := processes.partials(workdir):
            return "", f"left half-written: {left[0].name}"
        filler.unlink()
        again = here.circle().train(workdir, here.STEPS)
        fault = trainings.fault_of_end(again, {0}) or trainings.difference(like, workdir)
        if ended.code == 0:
            return "there was room enough", fault
        return "ended with code 4, and with room went on to the same end", fault


def round_of(number: int, shared: Path) -> Outcome:
    """Every ROUNDS-th page of the room that a run takes."""
    outcome, like = Outcome(), here.whole(shared)
    # A save has two copies for a while, and the oldest checkpoints go only afterwards.
    pages = range(number, 2 + (size_kb(like) + 200) // PAGE_KB, ROUNDS)
    for page in pages:
        try:
            what, fault = full_at(page * PAGE_KB, like)
        except disks.NoMount as error:
            outcome.skipped = str(error)
            return outcome
        outcome.saw(what, fault and f"with {page * PAGE_KB} KB left: {fault}")
    return outcome


def file_limit(shared: Path, folder: Path) -> Outcome:
    """A limit on a file's size (`ulimit -f`), as processes."""
    outcome, like = Outcome(), trainings.whole(shared, *trainings.CIRCLE)
    for limit in FILE_LIMITS:
        workdir = folder / f"{limit}"
        faults = {"limits": {"FSIZE": limit}}
        ended = trainings.start(*trainings.CIRCLE, workdir=workdir, faults=faults).end()
        fault = trainings.fault_of_end(ended, {4}) or trainings.unsound(workdir)
        fault = fault or trainings.goes_on(*trainings.CIRCLE, workdir=workdir, like=like)
        outcome.saw(
            "ended with code 4 at a file's limit, and without it went on",
            fault and f"files of at most {limit} bytes: {fault}",
        )
    return outcome


def cases(shared: Path) -> list[Case]:
    """The limit of a file's size; and the pages, in rounds that interlace."""
    limits = shared / "limits"
    limits.mkdir(exist_ok=True)
    made = [Case("a limit on a file's size", lambda folder: file_limit(limits, folder))]
    for number in range(ROUNDS):
        made.append(
            Case(
                f"full at pages {number}, {number + ROUNDS}, ... of a run's room",
                lambda folder, number=number: round_of(number, shared),
            )
        )
    return made


POINT = Point(
    number=3,
    title="A full disk",
    promise="A run that finds no room ends with code 4 and a line that names the file; every "
    "checkpoint that is there is sound, nothing is left half-written, and with room the same "
    "command goes on to the same end, bit for bit.",
    how=f"A disk of {DISK_KB} KB (tmpfs), filled so that room ends after 0, 1, 2, ... pages of "
    f"{PAGE_KB} KB, until a whole run fits: so it ends in every file that a run writes, "
    "checkpoints, metrics, pictures and TensorBoard's events alike. After each the disk was "
    "emptied, and the run started again and compared. Limits on the size of a file "
    f"(`ulimit -f`): {', '.join(map(str, FILE_LIMITS))} bytes.",
    not_promised="TensorFlow's writer of events keeps what it could not write to itself until it "
    "is flushed; ganflow flushes it before every save and when a run ends, and what it says then "
    "is an error like any other. Between two saves up to that many summaries may be trained on.",
    cases=cases,
)
