"""Hits, misses and false alarms of the diagnosis, over runs that are healthy and runs made ill.

    python benchmarks/diagnosis.py --plan=configs/diagnosis.plan --workdir=runs/diagnosis

Trains every line of the plan with bin/train.py, judges where it ended, and prints a table in
Markdown. Killed and started again it goes on.
"""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from absl import app, flags

_PLAN = flags.DEFINE_string("plan", "configs/diagnosis.plan", "Named command lines.")
_WORKDIR = flags.DEFINE_string("workdir", "runs/diagnosis", "The folder of all runs.")
_ONLY = flags.DEFINE_list("only", [], "Train these alone; the table has whatever is there.")
TRAIN = Path(__file__).resolve().parent.parent / "bin" / "train.py"


def trained(name: str, arguments: tuple[str, ...], folder: Path) -> None:
    """Train to the end, or go on; it has to succeed, but for numbers that are not finite."""
    done = folder / "seconds.json"
    if done.exists():
        return
    command = [sys.executable, str(TRAIN), *arguments, f"--workdir={folder}"]
    start = time.perf_counter()
    ended = subprocess.run(command, capture_output=True, text=True, env=os.environ)
    if ended.returncode not in (0, 3):
        raise SystemExit(f"{name}: {ended.stderr[-2000:]}")
    seconds = time.perf_counter() - start
    done.write_text(json.dumps({"exit_code": ended.returncode, "seconds": round(seconds, 1)}))
    print(f"{name}: {seconds:.0f} s", file=sys.stderr, flush=True)


def main(argv: list[str]) -> None:
    from ganflow.ladder import plans

    folder = Path(_WORKDIR.value)
    entries = plans.read_plan_file(Path(_PLAN.value))
    for entry in entries:
        if not _ONLY.value or entry.name in _ONLY.value:
            (folder / entry.name).mkdir(parents=True, exist_ok=True)
            trained(entry.name, entry.flags, folder / entry.name)


if __name__ == "__main__":
    app.run(main)
