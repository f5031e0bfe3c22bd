"""Point 8: a million steps, and as many summaries as a day has."""

import time
from pathlib import Path

import numpy as np

from benchmarks.reliability import memory, trainings
from benchmarks.reliability.trying import Case, Outcome, Point
from tests import processes
from tests.processes import Process

STEPS = 1_000_000
SUMMARIES = 2_000  # of eight hours, four a minute
CIRCLE = ("--model=circle", "--steps_per_call=1000", "--summary_every=10000")
OFTEN = (*trainings.CIRCLE, "--summary_every=2", "--checkpoint_every=200", "--steps_per_call=2")
MOST_SLOPE_MB = 20.0  # of memory, over the second half of a run
EVENTS_KB, ROW_KB = 256, 32  # a summary's, on average
STARTS = 3


def watched(process: Process, workdir: Path, every_seconds: float) -> np.ndarray:
    """(Rows of metrics, MB resident) [n, 2], until the process has ended."""
    seen = []
    while process.runs():
        path, resident_mb = workdir / "metrics.jsonl", memory.resident_mb(process.pid)
        if path.exists() and resident_mb:
            seen.append((path.read_bytes().count(b"\n"), resident_mb))
        time.sleep(every_seconds)
    return np.array(seen or [(0, 0.0)], float)


def slope_mb(seen: np.ndarray) -> float:
    """How much memory grows from the middle of the rows to the last, by a straight line."""
    late = seen[seen[:, 0] >= seen[-1, 0] / 2]
    if len(late) < 3 or np.ptp(late[:, 0]) == 0:
        return 0.0
    return float(np.polyfit(late[:, 0], late[:, 1], 1)[0] * np.ptp(late[:, 0]))


def long(flags: tuple[str, ...], kept: Path, folder: Path) -> Outcome:
    """Train to the end; memory, files, and how long a start takes afterwards."""
    outcome, workdir = Outcome(), kept
    process = trainings.start(*flags, workdir=workdir)
    seen = watched(process, workdir, 0.5)
    fault = trainings.fault_of_end(process.end(), {0})
    outcome.saw("trained to the end", fault)
    slope = slope_mb(seen)
    outcome.figures |= {"peak_mb": round(seen[:, 1].max()), "slope_mb": round(slope, 1)}
    outcome.saw(
        "memory was flat over the second half",
        f"memory grew by {slope:.1f} MB" * (slope > MOST_SLOPE_MB),
    )
    rows = max(1, int(seen[-1, 0]))
    sizes = {
        "events_kb": _size(workdir.glob("t*/*tfevents*")) / 1024 / rows,
        "row_kb": _size([workdir / "metrics.jsonl"]) / 1024 / rows,
    }
    outcome.figures |= {name: round(size, 1) for name, size in sizes.items()} | {"rows": rows}
    too_large = sizes["events_kb"] > EVENTS_KB or sizes["row_kb"] > ROW_KB
    outcome.saw("files grew by summaries alone", f"files: {sizes}" * too_large)
    count = len(processes.steps(workdir))
    outcome.saw("few checkpoints were kept", f"{count} checkpoints" * (count > 4))
    outcome.saw("few pictures were kept", _fault_of_pictures(workdir))
    return outcome


def _size(paths) -> int:
    return sum(path.stat().st_size for path in paths)


def _fault_of_pictures(workdir: Path) -> str:
    others = [p.name for p in workdir.iterdir() if p.suffix not in (".png", ".npz") and p.is_file()]
    known = {".lock", "flags.txt", "metrics.jsonl"}
    strange = sorted(set(others) - known)
    return f"also there: {', '.join(strange[:3])}" if strange else ""


def starts(flags: tuple[str, ...], kept: Path, folder: Path) -> Outcome:
    """How long a start takes that finds a long history, beside one that finds a short one."""
    outcome, seconds = Outcome(), {}
    short = folder / "short"
    trainings.finish(*flags, "--steps=2000", workdir=short)
    for name, workdir, more in (("short", short, ("--steps=2000",)), ("long", kept, ())):
        took = []
        for _ in range(STARTS):
            since = time.monotonic()
            trainings.finish(*flags, *more, workdir=workdir)  # it has done its steps already
            took.append(time.monotonic() - since)
        seconds[name] = min(took)
    outcome.figures |= {f"start_{name}_s": round(value, 1) for name, value in seconds.items()}
    late = seconds["long"] - seconds["short"]
    outcome.saw("a start took as long after a long history", f"{late:.1f} s more" * (late > 3))
    return outcome


def cases(shared: Path) -> list[Case]:
    """Many summaries; a million steps; starts."""
    often = (*OFTEN, f"--steps={2 * SUMMARIES}")
    million = (*CIRCLE, f"--steps={STEPS}")
    return [
        Case(f"{SUMMARIES:,} summaries", lambda f: long(often, shared / "often", f)),
        Case("a start after as many summaries", lambda f: starts(often, shared / "often", f)),
        Case(f"{STEPS:,} steps of circle", lambda f: long(million, shared / "million", f)),
        Case("a start after as many steps", lambda f: starts(million, shared / "million", f)),
    ]


POINT = Point(
    number=8,
    title="Long runs",
    promise=f"Memory is flat: over the second half of a run it grows by no more than "
    f"{MOST_SLOPE_MB:g} MB. Checkpoints and pictures are few. A start after a long history takes "
    "no longer than after a short one, but for reading its rows (3 s at most).",
    how=f"{STEPS:,} steps of `circle` as it is; and a small circle with {SUMMARIES:,} summaries, "
    "eight hours' worth at four a minute, in fast motion. Resident memory was read twice a second, "
    "a straight line laid through it. Starts were timed where all steps were done already.",
    not_promised="metrics.jsonl and TensorBoard's events grow with the summaries, without an end: "
    f"up to {ROW_KB} KB and {EVENTS_KB} KB a summary on average for these models, more for larger "
    "ones. A new run of days should be given a larger --summary_every.",
    cases=cases,
)
