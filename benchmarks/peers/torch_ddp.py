"""PyTorch's DistributedDataParallel with gloo: the dense GAN of `simple`, in several processes.

    python benchmarks/peers/torch_ddp.py --rank=0 --world=1 --batch_size=64 --x_size=784

Each process draws its own share of the batch; D's and G's gradients go round as DDP packs them.
Process 0 prints one line of JSON: steps a second.
"""

import json
import os
import sys
import time
from pathlib import Path

import torch
import torch.nn.functional as F
from absl import app, flags
from torch import distributed, nn
from torch.nn.parallel import DistributedDataParallel

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from benchmarks.peers import torch_peer

_RANK = flags.DEFINE_integer("rank", 0, "Which process this is.")
_WORLD = flags.DEFINE_integer("world", 1, "How many there are.")
_PORT = flags.DEFINE_integer("port", 29500, "Where they meet.")
_BATCH_SIZE = flags.DEFINE_integer("batch_size", 64, "Over all processes.")
_X_SIZE = flags.DEFINE_integer("x_size", 784, "Pixels of an image.")
_SECONDS = flags.DEFINE_float("seconds", 20.0, "Of the measurement.")


def main(_) -> None:
    torch.set_num_threads(max(1, (os.cpu_count() or 1) // _WORLD.value))
    where = f"tcp://127.0.0.1:{_PORT.value}"
    distributed.init_process_group("gloo", where, rank=_RANK.value, world_size=_WORLD.value)
    layers = torch_peer.stack([256, 256, 512, 1024, _X_SIZE.value], torch_peer.leaky)
    g = DistributedDataParallel(nn.Sequential(*layers, nn.Tanh()))
    d_layers = (nn.Linear(_X_SIZE.value, 256), torch_peer.leaky(), nn.Dropout(0.3))
    d = DistributedDataParallel(nn.Sequential(*d_layers, nn.Linear(256, 1)))
    sgd = torch.optim.SGD(d.parameters(), lr=0.01, fused=True)
    adam = torch.optim.Adam(g.parameters(), lr=1e-5, fused=True)
    share = _BATCH_SIZE.value // _WORLD.value
    images = torch.rand(1797, _X_SIZE.value)

    def step() -> None:
        x = images[torch.randint(len(images), (share,))] * 2 - 1
        with torch.no_grad():
            fake = g.module(torch.rand(share, 256) * 2 - 1)
        real_logits, fake_logits = d(torch.cat([x, fake])).chunk(2)
        torch_peer.learn(F.softplus(-real_logits).mean() + F.softplus(fake_logits).mean(), sgd)
        with torch_peer.frozen(d):
            made = g(torch.rand(share, 256) * 2 - 1)
            torch_peer.learn(F.softplus(-d.module(made)).mean(), adam)

    rate = torch.tensor([_timed(step, 50)])
    distributed.all_reduce(rate, distributed.ReduceOp.MIN)  # all have to do as many steps
    rate[0] = _timed(step, max(1, int(rate.item() * _SECONDS.value)))
    if _RANK.value == 0:
        print(json.dumps({"steps_per_second": rate.item()}), flush=True)
    distributed.destroy_process_group()


def _timed(step, count: int) -> float:
    """Steps a second."""
    started = time.perf_counter()
    for _ in range(count):
        step()
    return count / (time.perf_counter() - started)


if __name__ == "__main__":
    app.run(main)
