"""Measures our engine and its peers at the same work, in alternation.

    python benchmarks/run.py --works=simple,circle,dcgan --rounds=7

All contenders of a work are built and warm before the first round. A round
measures the machine, then lets every contender run one segment, so that a
machine that drifts does so for all of them. Ratios and shares are formed
within a round, and the median over the rounds is what the table quotes.
"""

import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from absl import app, flags

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from benchmarks import works  # noqa: E402

_WORKS = flags.DEFINE_list("works", list(works.WORKS), "Works to measure, in this order.")
_ROUNDS = flags.DEFINE_integer("rounds", 7, "Rounds of each work.", lower_bound=1)
_SEGMENT = flags.DEFINE_float("segment_seconds", 4, "About how long a segment is.")
_PEERS = flags.DEFINE_list("peers", [], "Peers to measure; those usual for a work if empty.")
_OURS = flags.DEFINE_bool("ours", True, "Whether our engine takes part.")
_JSON = flags.DEFINE_string("json", None, "File for everything that was measured.")
_TIMEOUT = flags.DEFINE_float("timeout", 600, "Seconds until a silent worker is given up.")

# Nothing else is inherited, so that a shell's settings cannot favour a contender.
KEPT_ENVIRONMENT = ("PATH", "HOME", "LANG", "TMPDIR", "LD_LIBRARY_PATH", "VIRTUAL_ENV")
OWN_ENVIRONMENT = {
    "TF_CPP_MIN_LOG_LEVEL": "2",
    "TF_ENABLE_ONEDNN_OPTS": "1",  # ours sets it for itself; so the others have it too
    "KERAS_BACKEND": "tensorflow",
    "JAX_PLATFORMS": "cpu",
    "CUDA_VISIBLE_DEVICES": "",
}
PAUSE_SECONDS = 0.3  # threads of the worker before spin a moment before they sleep
FLOOR_REPEATS = 3


def busy_elsewhere(seconds: float = 0.5) -> float | None:
    """Share of the machine's processor time taken by others, while no worker runs.

    A contender whose threads wait for one another at barriers loses many times
    over when one of them is kept from running, so rounds of a busy machine do
    not tell fast from slow. None where the system does not say.
    """

    def ticks() -> tuple[int, int]:
        fields = [int(f) for f in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(fields), fields[3] + fields[4]  # all, and of those idle or waiting for disks

    try:
        all_before, idle_before = ticks()
        time.sleep(seconds)
        all_after, idle_after = ticks()
    except OSError:
        return None
    return 1 - (idle_after - idle_before) / max(1, all_after - all_before)


class WorkerError(Exception):
    """A worker died or kept silent; the message ends with what it had to say."""


class Worker:
    """The orchestrator's end of a worker subprocess."""

    def __init__(self, module: str, *args: str):
        kept = {name: os.environ[name] for name in KEPT_ENVIRONMENT if name in os.environ}
        self._stderr = tempfile.TemporaryFile("w+", errors="replace")  # noqa: SIM115
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *args],
            cwd=ROOT,
            env=kept | OWN_ENVIRONMENT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._stderr,
            text=True,
        )

    def receive(self) -> dict[str, Any]:
        """The next line the worker prints."""
        alarm = threading.Timer(_TIMEOUT.value, self._process.kill)
        alarm.start()
        line = self._process.stdout.readline()
        alarm.cancel()
        if not line:
            self._process.wait()
            self._stderr.seek(0)
            said = self._stderr.read().strip().splitlines() or ["nothing on stderr"]
            raise WorkerError(f"exit {self._process.returncode}: {said[-1]}")
        return json.loads(line)

    def go(self, amount: str) -> dict[str, Any]:
        """Lets the worker run one segment."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(f"go {amount}\n")
            self._process.stdin.flush()
        return self.receive()

    def close(self) -> None:
        """Ends the worker, which stops when its input does."""
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        try:
            self._process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process.stdout.close()
        self._stderr.close()


def start(contender: str, work: str) -> tuple[Worker | None, str]:
    """Starts a contender and waits until it is warm: (worker, note) or (None, why not)."""
    worker = Worker("benchmarks.worker", f"--contender={contender}", f"--work={work}")
    try:
        ready = worker.receive()
    except WorkerError as error:
        worker.close()
        return None, f"failed ({error})"
    if "missing" in ready:
        worker.close()
        return None, f"not installed ({ready['missing']})"
    return worker, ready["note"]


def measure(work: works.Work, contenders: Sequence[str], floor: Worker) -> dict[str, Any]:
    """All rounds of one work. A contender that fails on the way keeps only its failure."""
    status: dict[str, str] = {}
    workers: dict[str, Worker] = {}
    segments: dict[str, list[dict[str, Any]]] = {}
    machine = []
    try:
        for name in contenders:
            worker, status[name] = start(name, work.name)
            log(f"{work.name}: {name}: {'ready' if worker else status[name]}")
            if worker:
                workers[name], segments[name] = worker, []
        for round_ in range(_ROUNDS.value if workers else 0):
            time.sleep(PAUSE_SECONDS)
            busy = busy_elsewhere()
            machine.append(floor.go(str(FLOOR_REPEATS)) | {"busy_elsewhere": busy})
            order = list(workers)
            # Another contender comes first each round: none always follows the same one's heat.
            shift = round_ % len(order)
            for name in order[shift:] + order[:shift]:
                time.sleep(PAUSE_SECONDS)
                try:
                    segments[name].append(workers[name].go(f"{_SEGMENT.value}s"))
                except WorkerError as error:
                    status[name] = f"failed ({error})"
                    workers.pop(name).close()
                    del segments[name]
            log(f"{work.name}: round {round_ + 1} of {_ROUNDS.value}")
            if not workers:
                break
    finally:
        for worker in workers.values():
            worker.close()
    return {"status": status, "machine": machine, "segments": segments}


def spread(values: Iterable[float], digits: int = 3) -> str:
    """Median and range as text, e.g. `72.9 (71.8..73.2)`."""
    ordered = sorted(values)
    middle, low, high = (
        number(value, digits) for value in (statistics.median(ordered), ordered[0], ordered[-1])
    )
    return f"{middle} ({low}..{high})"


def number(value: float, digits: int) -> str:
    """The value to that many significant digits, never in exponent notation."""
    whole = len(str(int(abs(value)))) if abs(value) >= 1 else 0
    return f"{value:.{max(0, digits - whole)}f}"


def rows(work: works.Work, result: dict[str, Any]) -> list[str]:
    """The table's lines for one work."""
    rates = {
        name: [s["steps"] / s["seconds"] for s in segments]
        for name, segments in result["segments"].items()
    }
    floors = [works.floor_seconds(work, m["flops_rate"], m["byte_rate"]) for m in result["machine"]]
    lines = []
    for name, status in result["status"].items():
        if name not in rates:
            lines.append(f"| {work.name} | {name} | {status} | | | | |")
            continue
        ratio = "1" if name == "ours" else "-"
        if name != "ours" and "ours" in rates:
            ratio = spread(a / b for a, b in zip(rates["ours"], rates[name], strict=True))
        shares = [
            statistics.median(
                rate * seconds[kind] for rate, seconds in zip(rates[name], floors, strict=True)
            )
            for kind in (0, 1)
        ]
        memory = max(s["peak_memory_bytes"] for s in result["segments"][name]) / 2**20
        lines.append(
            f"| {work.name} | {name} | {spread(rates[name])} | {ratio} "
            f"| {shares[0]:.1%} | {shares[1]:.1%} | {memory:.0f} MiB |"
        )
    return lines


def report(results: dict[str, dict[str, Any]]) -> str:
    """The whole Markdown report."""
    lines = [
        "| work | contender | steps/s | ours / peer | of FLOP floor "
        "| of FLOP + optimizer floor | peak memory |",
        "|---|---|---|---|---|---|---|",
    ]
    for name, result in results.items():
        lines += rows(works.WORKS[name], result)
    lines += ["", "Medians over the rounds, with their range.", ""]
    for name, result in results.items():
        work = works.WORKS[name]
        text = f"{work.flops / 1e9:.3g} GFLOP and {work.traffic / 1e6:.3g} MB a step"
        if result["machine"]:
            flops = spread(m["flops_rate"] / 1e9 for m in result["machine"])
            bandwidth = spread(m["byte_rate"] / 1e9 for m in result["machine"])
            text += f"; the machine did {flops} GFLOP/s and {bandwidth} GB/s"
            busy = [m["busy_elsewhere"] for m in result["machine"]]
            if None not in busy:
                text += f"; before a round, others took at most {max(busy):.0%} of it"
        lines.append(f"- {name}: {text}.")
        lines += [
            f"  - {contender}: {note}."
            for contender, note in result["status"].items()
            if note and contender in result["segments"]
        ]
    return "\n".join(lines)


def log(message: str) -> None:
    """Progress goes to stderr, the report alone to stdout."""
    print(message, file=sys.stderr, flush=True)


def contenders_for(work: works.Work) -> list[str]:
    """Ours first, then the peers asked for that can do this work."""
    asked = _PEERS.value or work.default_peers
    return ["ours"] * _OURS.value + [peer for peer in work.peers if peer in asked]


def main(argv: list[str]) -> None:
    if len(argv) > 1:
        raise app.UsageError(f"unexpected arguments: {argv[1:]}")
    every_peer = {peer for work in works.WORKS.values() for peer in work.peers}
    unknown = (set(_WORKS.value) - set(works.WORKS)) | (set(_PEERS.value) - every_peer)
    if unknown:
        raise app.UsageError(f"unknown works or peers: {', '.join(sorted(unknown))}")
    floor = Worker("benchmarks.floor")
    try:
        floor.receive()
        results = {
            name: measure(works.WORKS[name], contenders_for(works.WORKS[name]), floor)
            for name in _WORKS.value
        }
    finally:
        floor.close()
    print(report(results))
    if _JSON.value:
        Path(_JSON.value).write_text(json.dumps(results, indent=1) + "\n")


if __name__ == "__main__":
    app.run(main)
