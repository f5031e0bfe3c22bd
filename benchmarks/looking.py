"""What looking costs: a run at its default flags against the same without summaries on the way.

    python benchmarks/looking.py --runs=3 -- --model=circle --steps=60000

What follows `--` goes to bin/train.py. Each pair is one command as it is, and one with
--summary_every and --checkpoint_every beyond its end, which leaves those of step 0 and of the last
step. The order within a pair alternates.
"""

import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags

_RUNS = flags.DEFINE_integer("runs", 3, "Pairs of runs.", lower_bound=1)
TRAIN = Path(__file__).resolve().parent.parent / "bin" / "train.py"
BLIND = ("--summary_every=1000000000", "--checkpoint_every=1000000000")


def timed(arguments: Sequence[str]) -> tuple[float, float]:
    """Wall seconds of the whole command, and of its training alone; it has to succeed."""
    with tempfile.TemporaryDirectory() as workdir:
        command = [sys.executable, str(TRAIN), *arguments, f"--workdir={workdir}"]
        start = time.perf_counter()
        ended = subprocess.run(command, capture_output=True, text=True, check=True, env=os.environ)
        seconds = time.perf_counter() - start
    (training,) = re.findall(r"\d+ steps in ([\d.]+) s, saved", ended.stderr)
    return seconds, float(training)


def main(argv: list[str]) -> None:
    pairs = []
    for i in range(_RUNS.value):
        order = ((), BLIND) if i % 2 else (BLIND, ())
        found = {extra: timed([*argv[1:], *extra]) for extra in order}
        pairs.append((found[()], found[BLIND]))
        print(f"pair {i + 1}: {found[()]} against {found[BLIND]} s", file=sys.stderr, flush=True)
    for place, what in enumerate(("command", "training")):
        looking = [a[place] for a, _ in pairs]
        blind = [b[place] for _, b in pairs]
        shares = [1 - b / a for a, b in zip(looking, blind, strict=True)]
        print(
            f"{what}: {statistics.median(looking):.2f} s, without looking "
            f"{statistics.median(blind):.2f} s; looking takes {statistics.median(shares):.1%} "
            f"({min(shares):.1%} to {max(shares):.1%})"
        )


if __name__ == "__main__":
    app.run(main)
