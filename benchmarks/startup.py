"""Time from the command to the end of its first step, and the run's peak memory.

    python benchmarks/startup.py --runs=5 -- --model=simple --dataset=digits

What follows `--` goes to bin/train.py, with a fresh --workdir and --steps=1 added.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from absl import app, flags

_RUNS = flags.DEFINE_integer("runs", 5, "How often the command is run.", lower_bound=1)
TRAIN = Path(__file__).resolve().parent.parent / "bin" / "train.py"


def timed(command: Sequence[str]) -> tuple[float, int]:
    """Wall seconds and peak resident bytes of a command, which has to succeed."""
    environment = os.environ | {"TF_CPP_MIN_LOG_LEVEL": "2"}
    start = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL)
    # wait4 gives this child's own usage, where getrusage would give the largest so far.
    # It counts from the fork, so this process imports no library that needs much memory.
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - start
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return seconds, usage.ru_maxrss * 1024


def main(argv: list[str]) -> None:
    seconds, memory = [], []
    for _ in range(_RUNS.value):
        with tempfile.TemporaryDirectory() as workdir:
            own = [f"--workdir={workdir}", "--steps=1"]
            wall, peak = timed([sys.executable, str(TRAIN), *argv[1:], *own])
        seconds.append(wall)
        memory.append(peak)
    print(
        f"to the end of step 1: {statistics.median(seconds):.2f} s "
        f"({min(seconds):.2f}..{max(seconds):.2f})"
    )
    print(f"peak memory: {max(memory) / 2**20:.0f} MiB")


if __name__ == "__main__":
    app.run(main)
