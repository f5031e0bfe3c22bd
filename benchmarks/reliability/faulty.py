"""Start a program of bin/ amid faults.

    python benchmarks/reliability/faulty.py '{"limits": {"FSIZE": 1024}}' train.py --model=circle

The faults are JSON: `limits` of the system by their names; `slow_seconds` that each fsync and each
rename takes; `clock`, "back" for one that jumps back by a day at every other look; `pieces` of
ganflow's own code, [module, piece, what takes its place].
"""

import itertools
import json
import os
import resource
import runpy
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from benchmarks.reliability import mutations  # noqa: E402


def limit(limits: dict[str, int]) -> None:
    """Set limits of the system: {"FSIZE": bytes of a file, "AS": bytes of memory}."""
    for name, value in limits.items():
        resource.setrlimit(getattr(resource, f"RLIMIT_{name}"), (value, value))


def slow_down(seconds: float) -> None:
    """Let every fsync and every rename take so long."""

    def slowly(work):
        def late(*args, **more):
            time.sleep(seconds)
            return work(*args, **more)

        return late

    os.fsync, os.rename, os.replace = map(slowly, (os.fsync, os.rename, os.replace))


def turn_back_the_clock() -> None:
    """Let the wall clock jump back by a day at every other look, and forward again."""
    real, turn = time.time, itertools.cycle((0.0, 86_400.0))
    time.time = lambda: real() - next(turn)


def main() -> None:
    """Break what is asked for, and become the program."""
    faults = json.loads(sys.argv[1])
    limit(faults.get("limits", {}))
    if "slow_seconds" in faults:
        slow_down(faults["slow_seconds"])
    if faults.get("clock") == "back":
        turn_back_the_clock()
    for module, piece, by in faults.get("pieces", []):
        mutations.replace(module, piece, by)
    program = ROOT / "bin" / sys.argv[2]
    sys.argv = [str(program), *sys.argv[3:]]
    runpy.run_path(str(program), run_name="__main__")


if __name__ == "__main__":
    main()
