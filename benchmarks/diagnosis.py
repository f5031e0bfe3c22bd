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

from absl import app, flags, logging

_PLAN = flags.DEFINE_string("plan", "configs/diagnosis.plan", "Named command lines.")
_WORKDIR = flags.DEFINE_string("workdir", "runs/diagnosis", "The folder of all runs.")
_TRAIN = flags.DEFINE_boolean("train", True, "--notrain: the table of the runs that are done.")
TRAIN = Path(__file__).resolve().parent.parent / "bin" / "train.py"
SAMPLES = 1_000  # judged at the end of each run
FIGURES = ("frechet_distance", "recall", "class_entropy", "sliced_wasserstein", "modes_captured")
TITLES = ("run", "says", "summaries called healthy, unclear, ill", "at its end", "figures", "is a")


def train(name: str, arguments: tuple[str, ...], folder: Path) -> None:
    """Train to the end, or go on; it has to succeed, but for numbers that are not finite."""
    folder.mkdir(parents=True, exist_ok=True)
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


def outcome(what: str, said: dict[str, int], states: list[str]) -> str:
    """What a run's verdicts are worth: hit, miss, false alarm, or healthy where it was not."""
    if what.startswith("healthy"):
        if said:
            return "FALSE ALARM"
        return "hit" if states[-1] == "healthy" else "MISS: not called healthy"
    if "healthy" in states:
        return "MISS: called healthy"
    if what.startswith(("young", "slow")):
        return "hit"
    return "hit" if said else "MISS"


def row(name: str, folder: Path) -> list[str]:
    """A line of the table."""
    rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    said: dict[str, int] = {}
    for one in rows:
        for illness in one["diagnosis"]:
            said.setdefault(illness, one["step"])
    if json.loads((folder / "seconds.json").read_text())["exit_code"] == 3:
        said["not_finite, and stopped"] = rows[-1]["step"]
    states = [one["health"] for one in rows]
    counts = ", ".join(str(states.count(state)) for state in ("healthy", "unclear", "ill"))
    told = "; ".join(f"{illness.replace('_', ' ')} from {step:,}" for illness, step in said.items())
    what = name.partition(".")[2]
    return [
        f"`{name}`, {rows[-1]['step']:,} steps",
        told or "no illness",
        counts,
        states[-1],
        figures(folder),
        outcome(what, said, states),
    ]


def figures(folder: Path) -> str:
    """What the judge says of the newest checkpoint."""
    from ganflow.judging import reports
    from ganflow.trained import loading

    kept = folder / "judged.json"
    if not kept.exists():
        step = loading.load_trained(folder)[1]["step"]
        found = reports.of_workdir(folder, step, SAMPLES).judged[0].figures
        shown = {name: found[name].value for name in FIGURES if name in found}
        kept.write_text(json.dumps(shown))
    shown = json.loads(kept.read_text())
    return ", ".join(f"{name.replace('_', ' ')} {value:.3g}" for name, value in shown.items())


def main(argv: list[str]) -> None:
    from ganflow.base import quiet, tables  # noqa: F401 - quiet, before anything of TensorFlow's
    from ganflow.ladder import plans

    logging.set_verbosity(logging.WARNING)
    folder = Path(_WORKDIR.value)
    entries = plans.read_plan_file(Path(_PLAN.value))
    if _TRAIN.value:
        for entry in entries:
            train(entry.name, entry.flags, folder / entry.name)
    else:
        entries = [e for e in entries if (folder / e.name / "seconds.json").exists()]
    lines = [row(entry.name, folder / entry.name) for entry in entries]
    print(tables.as_markdown(TITLES, lines))
    ends = [line[-1].partition(":")[0] for line in lines]
    print(f"\n{len(ends)} runs: " + ", ".join(f"{ends.count(e)} {e}" for e in dict.fromkeys(ends)))


if __name__ == "__main__":
    app.run(main)
