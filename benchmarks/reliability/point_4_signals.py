"""Point 4: SIGTERM, SIGINT and SIGHUP, at every moment of a run, and many at once."""

import random
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path

from benchmarks.reliability import trainings
from benchmarks.reliability.trying import Case, Outcome, Point
from tests import processes
from tests.processes import Process

FLAGS = (*trainings.CIRCLE, "--steps=400", "--steps_per_call=4")
COMPILED = (*FLAGS, "--jit=on")
JUDGED = (*FLAGS, "--evaluate_every=20", "--evaluate_num=100")
SIGNALS = (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)


def _rows(workdir: Path) -> int:
    path = workdir / "metrics.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _told(words: str) -> Callable[[Process, Path], bool]:
    return lambda process, workdir: words in process.err()


# Moment: flags, and what is waited for.
MOMENTS: dict[str, tuple[tuple[str, ...], Callable[[Process, Path], bool]]] = {
    "while it builds": (FLAGS, _told("building circle")),
    "while it compiles": (COMPILED, _told("compiling the steps")),
    "in its first summary": (FLAGS, lambda p, workdir: (workdir / "train").exists()),
    "in a later summary": (FLAGS, lambda p, workdir: _rows(workdir) >= 3),
    "in a save": (
        FLAGS,
        lambda p, workdir: len(processes.steps(workdir)) > 1 and bool(processes.partials(workdir)),
    ),
    "in an evaluation": (JUDGED, lambda p, workdir: _rows(workdir) >= 2),
}


def one_signal(number: signal.Signals, moment: str, shared: Path, folder: Path) -> Outcome:
    """Send one, look at the end, go on."""
    outcome, (flags, condition) = Outcome(), MOMENTS[moment]
    like, workdir = _whole(shared, moment), folder / "run"
    with trainings.killed_at_the_end(trainings.start(*flags, workdir=workdir)) as process:
        process.wait_until(lambda: condition(process, workdir), every_seconds=0.001)
        process.send(number)
        ended = process.end()
    before_all = "saving at the next step boundary" not in ended.err
    codes = {128 + number, -number} if before_all else {128 + number}
    if before_all and number == signal.SIGINT:
        codes.add(1)  # the forking server's own way to end by KeyboardInterrupt
    fault = "" if ended.code in codes else f"code {ended.code}: {ended.err[-300:]!r}"
    if not before_all:
        fault = fault or _fault_of_stop(ended, workdir)
    fault = fault or trainings.unsound(workdir)
    fault = fault or trainings.goes_on(*flags, workdir=workdir, like=like, rows=False)
    what = "ended at once, before it had begun" if before_all else "saved at a step, once"
    outcome.saw(what, fault and f"{number.name} {moment}: {fault}")
    return outcome


def _fault_of_stop(ended: processes.Ended, workdir: Path) -> str:
    if "Traceback" in ended.err:
        return f"a traceback: {ended.err[-300:]!r}"
    said = re.findall(r"stopped at step ([\d,]+), saved", ended.out)
    newest = processes.steps(workdir)[-1]
    if [int(step.replace(",", "")) for step in said] != [newest]:
        return f"said it stopped at {said}, saved {newest}"
    return ""


def storm(seed: int, shared: Path, folder: Path) -> Outcome:
    """Many signals within a moment: the second ends the process, and what was saved is sound."""
    outcome, dice, workdir = Outcome(), random.Random(seed), folder / "run"
    moment = dice.choice(["in a later summary", "in a save", "while it compiles"])
    flags, condition = MOMENTS[moment]
    with trainings.killed_at_the_end(trainings.start(*flags, workdir=workdir)) as process:
        process.wait_until(lambda: condition(process, workdir), every_seconds=0.001)
        for _ in range(dice.randint(2, 8)):
            process.send(dice.choice(SIGNALS))
            time.sleep(dice.choice([0, 0, 0.002, 0.05]))
        ended = process.end()
    fault = "" if ended.code in {128 + s for s in SIGNALS} else f"code {ended.code}"
    if "Traceback" in ended.err:
        fault = fault or f"a traceback: {ended.err[-300:]!r}"
    fault = fault or trainings.unsound(workdir)
    like = _whole(shared, moment)
    fault = fault or trainings.goes_on(*flags, workdir=workdir, like=like, rows=False)
    outcome.saw("a storm ended it, and it went on", fault and f"storm {moment}: {fault}")
    return outcome


def _whole(shared: Path, moment: str) -> Path:
    flags, _ = MOMENTS[moment]
    folder = shared / {FLAGS: "plain", COMPILED: "compiled", JUDGED: "judged"}[flags]
    folder.mkdir(exist_ok=True)
    return trainings.whole(folder, *flags)


def cases(shared: Path) -> list[Case]:
    """Each moment with another signal; storms; then the other signals."""
    made = []
    for turn in range(len(SIGNALS)):
        for place, moment in enumerate(MOMENTS):
            number = SIGNALS[(turn + place) % len(SIGNALS)]
            made.append(
                Case(
                    f"{number.name} {moment}",
                    lambda folder, n=number, m=moment: one_signal(n, m, shared, folder),
                )
            )
        for seed in range(4 * turn, 4 * turn + 4):
            made.append(Case(f"storm {seed + 1}", lambda folder, s=seed: storm(s, shared, folder)))
    return made


POINT = Point(
    number=4,
    title="Signals",
    promise="SIGTERM, SIGINT and SIGHUP save at the next step boundary, once, and end with 143, "
    "130 and 129; a second one ends at once with its own code. Before training has begun there is "
    "nothing to save. What is there afterwards is sound, and goes on to the same end.",
    how=f"Each of the three {', '.join(MOMENTS)}; and storms of two to eight signals of all kinds "
    "within a tenth of a second. Then the run was started again and its end compared.",
    cases=cases,
)
