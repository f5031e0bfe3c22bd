"""Steps a second of one worker, of two, and of two logical replicas, and what communication takes.

    python benchmarks/workers.py --model=simple --dataset=digits --seconds=20

All variants do the same work, a batch of --batch_size a step, without XLA, which several replicas
cannot have. "Two alone" are two processes at once with half the batch each that never speak: what
two workers would do if communication cost nothing. The share of communication is what two workers
lack to that. For `simple`, PyTorch's DistributedDataParallel with gloo does the same work beside
it, where it is installed. The reductions are counted in the graph of a step: one for each update's
gradients and one for the scalars, where batch norm and the like add none.
"""

import dataclasses
import importlib.util
import json
import math
import os
import socket
import subprocess
import sys
import time
from pathlib import Path

from absl import app, flags

_MODEL = flags.DEFINE_string("model", "simple", "A model's name.")
_DATASET = flags.DEFINE_string("dataset", "digits", "Its data set.")
_DATA_DIR = flags.DEFINE_string("data_dir", "", "Where the data are.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Over all workers; even.", lower_bound=2)
_SECONDS = flags.DEFINE_float("seconds", 20.0, "Of each measurement.", lower_bound=0.1)
_CHILD = flags.DEFINE_string("child", "", "For the processes that it starts.")

DDP = Path(__file__).resolve().parent / "peers" / "torch_ddp.py"
LAUNCH = Path(__file__).resolve().parent.parent / "bin" / "launch.py"


@dataclasses.dataclass(frozen=True)
class Variant:
    """One way of doing the work."""

    processes: int
    together: bool
    replicas: int
    share: int  # of the batch in a process that is alone: one of so many


VARIANTS = {
    "one worker": Variant(1, False, 1, 1),
    "two replicas": Variant(1, False, 2, 1),
    "two workers": Variant(2, True, 1, 1),
    "two alone": Variant(2, False, 1, 2),
}


def measure(name: str) -> dict:
    """Start a variant's processes; what the slowest of them found."""
    words = [*sys.argv, f"--child={name}"]
    processes = VARIANTS[name].processes
    command = [sys.executable, str(LAUNCH), f"--workers={processes}", "--", *words]
    ended = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    found = [json.loads(line.partition("] ")[2]) for line in ended.stdout.splitlines()]
    return min(found, key=lambda each: each["steps_per_second"])


def measure_torch(processes: int, x_size: int) -> float | None:
    """Steps a second of PyTorch on simple's networks; None where PyTorch is not installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = [f"--world={processes}", f"--port={port}", f"--x_size={x_size}"]
    words += [f"--batch_size={_BATCH_SIZE.value}", f"--seconds={_SECONDS.value}"]
    started = [
        subprocess.Popen(
            [sys.executable, str(DDP), f"--rank={rank}", *words], stdout=subprocess.PIPE, text=True
        )
        for rank in range(processes)
    ]
    said = [process.communicate()[0] for process in started]
    if any(process.returncode for process in started):
        raise RuntimeError(f"{DDP.name} failed")
    return json.loads(said[0])["steps_per_second"]


def child(variant: Variant) -> dict:
    """Do the work, in this process's part of it."""
    from ganflow import data, engine, models, workers
    from ganflow.nn import replicas
    from ganflow.workers import cluster

    found = cluster.from_tf_config(os.environ) if variant.together else None
    with workers.joined(found, 60.0, lambda line: os._exit(6)) as group:
        strategy = replicas.make_strategy(variant.replicas, group.cluster)
        module = models.load(_MODEL.value)
        batch_size = _BATCH_SIZE.value // variant.share
        config = dataclasses.replace(
            module.Config(), dataset=_DATASET.value, batch_size=batch_size, steps=10**9
        )
        options = engine.Options(workdir="unused", jit="off")
        dataset = data.load(config.dataset, _DATA_DIR.value or None)
        run = engine.Run(module, config, options, dataset, strategy, group=group)
        graph = run.calls[0].step.graph
        reductions = sum("CollectiveReduce" in each.type for each in graph.get_operations())
        for _ in range(2):  # the first call is traced
            run.advance(run.steps_per_call)
        first, started, over = int(run.step), time.perf_counter(), 0
        while not over:
            run.advance(run.steps_per_call)
            (over,) = group.agree(time.perf_counter() - started > _SECONDS.value)
        rate = (int(run.step) - first) / (time.perf_counter() - started)
        sizes = [
            [4 * v.shape.num_elements() for v in u.values()] for u in run.gan.networks.values()
        ]
        return {
            "x_size": math.prod(run.fields.shapes.get("x", ())),
            "steps_per_second": rate,
            "reductions": reductions,
            "bytes": sum(map(sum, sizes)),
        }


def main(_) -> None:
    if _CHILD.value:
        print(json.dumps(child(VARIANTS[_CHILD.value])), flush=True)
        return
    found = {name: measure(name) for name in VARIANTS}
    for name, each in found.items():
        print(f"{name:13} {each['steps_per_second']:8.2f} steps/s")
    two, alone = (found[name]["steps_per_second"] for name in ("two workers", "two alone"))
    print(
        f"communication {1 - two / alone:8.1%} of two workers' step: "
        f"{found['two workers']['reductions']} reductions, {found['two workers']['bytes']:,} bytes "
        "of all networks' gradients"
    )
    if _MODEL.value == "simple":  # whose networks the peer has
        x_size = found["one worker"]["x_size"]
        for processes, name in ((1, "one worker"), (2, "two workers")):
            rate = measure_torch(processes, x_size)
            name_there = f"PyTorch DDP, {processes} process{'es' * (processes > 1)}"
            if rate is None:
                print(f"{name_there}: not installed")
            else:
                ratio = found[name]["steps_per_second"] / rate
                print(f"{name_there} {rate:8.2f} steps/s; ours / PyTorch {ratio:.2f}")


if __name__ == "__main__":
    app.run(main)
