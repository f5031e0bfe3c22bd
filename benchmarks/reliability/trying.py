"""Cases, one after another: what is done is kept, a line for each in a file of results."""

import collections
import dataclasses
import datetime
import json
import os
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Sequence
from pathlib import Path

from ganflow.programs.progress import duration

PATIENCE_SECONDS = 1800  # for one case; what takes longer hangs


@dataclasses.dataclass
class Outcome:
    """What one case has shown."""

    happened: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    broken: list[str] = dataclasses.field(default_factory=list)  # promises, each in a line
    figures: dict[str, float] = dataclasses.field(default_factory=dict)
    skipped: str = ""  # why the case cannot be tried on this machine

    @property
    def tries(self) -> int:
        """How often the promise was put to the test."""
        return sum(self.happened.values()) + len(self.broken)

    def saw(self, what: str, fault: str = "") -> None:
        """Count one try: `what` happened, or, where there is a `fault`, the promise was broken."""
        if fault:
            self.broken.append(fault)
        else:
            self.happened[what] += 1


@dataclasses.dataclass(frozen=True)
class Case:
    """One thing to try, in a folder of its own."""

    name: str
    attempt: Callable[[Path], Outcome]


@dataclasses.dataclass(frozen=True)
class Point:
    """One promise, and the cases that it is put to."""

    number: int
    title: str
    promise: str
    how: str
    cases: Callable[[Path], Sequence[Case]]  # given a folder that they share
    not_promised: str = ""


class Results:
    """The file of results: JSON, a line a try. Of several tries of a case the last one counts.

    Attributes:
      rows: of each case's last try.
    """

    def __init__(self, path: Path):
        self.path = path
        self._rows: dict[tuple[int, str], dict] = {}
        lines = path.read_text().splitlines(keepends=True) if path.exists() else []
        if lines and not lines[-1].endswith("\n"):  # a kill has cut it
            path.write_text("".join(lines[:-1]))
            lines.pop()
        for row in map(json.loads, lines):
            self._rows[row["point"], row["case"]] = row

    @property
    def rows(self) -> list[dict]:
        """In the order in which the cases were first tried."""
        return list(self._rows.values())

    def has(self, point: Point, case: Case) -> bool:
        """Whether it was tried and held; what was found broken is tried again."""
        row = self._rows.get((point.number, case.name))
        return row is not None and not row["broken"]

    def of(self, point: Point) -> list[dict]:
        """The rows of a point."""
        return [row for row in self.rows if row["point"] == point.number]

    def add(self, point: Point, case: Case, outcome: Outcome, seconds: float) -> None:
        """Keep what a case has shown."""
        row = {"point": point.number, "case": case.name, "tries": outcome.tries}
        row |= {"happened": dict(outcome.happened), "broken": outcome.broken}
        row |= {"figures": outcome.figures, "skipped": outcome.skipped}
        row |= {"seconds": round(seconds, 1), "date": datetime.date.today().isoformat()}
        self._rows[point.number, case.name] = row
        with open(self.path, "a") as file:
            file.write(json.dumps(row) + "\n")


def chosen(cases: Sequence[Case], scale: float) -> Sequence[Case]:
    """The first share of the cases, one at least: points put first what differs most."""
    return cases[: max(1, round(scale * len(cases)))]


def try_all(
    points: Sequence[Point],
    workdir: Path,
    scale: float,
    tell: Callable[[str], None] = print,
    after_each: Callable[[Results], None] = lambda results: None,
) -> Results:
    """Try every case that has not held yet.

    Args:
      points: in this order.
      workdir: holds the results, and what the cases make; of broken promises it is kept.
      scale: the share of each point's cases.
      tell: given a line a case.
      after_each: called with the results when a case is done.
    """
    workdir.mkdir(parents=True, exist_ok=True)
    results = Results(workdir / "results.jsonl")
    waiting = []
    for point in points:
        shared = workdir / f"point_{point.number}"
        shared.mkdir(exist_ok=True)
        waiting += [(point, c) for c in chosen(point.cases(shared), scale)]
    waiting = [(point, case) for point, case in waiting if not results.has(point, case)]
    begun = time.monotonic()
    for number, (point, case) in enumerate(waiting, 1):
        since = time.monotonic()
        folder = workdir / f"point_{point.number}" / "case"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        outcome = _attempt(results, point, case, folder)
        results.add(point, case, outcome, time.monotonic() - since)
        if outcome.broken:
            kept = folder.with_name(f"broken, {case.name}".replace("/", "-"))
            shutil.rmtree(kept, ignore_errors=True)
            folder.rename(kept)
        left = (time.monotonic() - begun) / number * (len(waiting) - number)
        said = outcome.skipped or "; ".join(outcome.broken) or f"held, {outcome.tries} tries"
        time_left = f"{duration(left)} left" if left else "the last"
        tell(f"{number} of {len(waiting)}, {time_left}: point {point.number}, {case.name}: {said}")
        after_each(results)
    return results


def _attempt(results: Results, point: Point, case: Case, folder: Path) -> Outcome:
    """The case's outcome; one that never ends is noted, and this program started anew."""
    begun = time.monotonic()

    def give_up(number, frame):
        outcome = Outcome(broken=[f"hangs: no end within {PATIENCE_SECONDS} s"])
        results.add(point, case, outcome, time.monotonic() - begun)
        os.execv(sys.executable, [sys.executable, *sys.argv])

    before = signal.signal(signal.SIGALRM, give_up)
    signal.alarm(PATIENCE_SECONDS)
    try:
        return case.attempt(folder)
    except Exception as error:  # the case's own defect, or one of ganflow that it did not foresee
        traceback.print_exc()
        told = " ".join(str(error).split())[:300]
        return Outcome(broken=[f"the case ended in {type(error).__name__}: {told}"])
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)
