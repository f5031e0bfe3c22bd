"""A worker: builds one contender for one work, then runs timed segments on demand.

    python -m benchmarks.worker --contender=jax --work=simple

It prints one JSON line when it is built, checked and warm. After that every
line on stdin asks for a segment, `go 4s` for about four seconds or `go 200`
for 200 steps, and is answered by a JSON line. In between it is blocked
reading, so that workers waiting for their turn take no processor time.
"""

import importlib
import json
import math
import os
import resource
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TextIO

import numpy as np
from absl import app, flags

from benchmarks.works import Contender

# Contender -> the file that has a function for each work, and that function's options.
CONTENDERS: dict[str, tuple[str, Mapping[str, Any]]] = {
    "ours": ("benchmarks.ours", {}),
    "keras": ("benchmarks.peers.keras_peer", {"tuned": False}),
    "keras_tuned": ("benchmarks.peers.keras_peer", {"tuned": True}),
    "tf1": ("benchmarks.peers.tf1_peer", {}),
    "torch": ("benchmarks.peers.torch_peer", {"compiled": False}),
    "torch_compile": ("benchmarks.peers.torch_peer", {"compiled": True}),
    "jax": ("benchmarks.peers.jax_peer", {}),
}
LIBRARIES = ("tensorflow", "keras", "torch", "jax", "optax")


def claim_stdout() -> TextIO:
    """Returns the real stdout and sends whatever libraries print to stderr instead."""
    replies = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    return replies


def serve(answer: Callable[[str], dict[str, Any]], requests: Iterable[str], replies: TextIO):
    """Answers each `go AMOUNT` line by one JSON line, until the input ends."""
    for line in requests:
        verb, _, amount = line.strip().partition(" ")
        if verb != "go":
            raise ValueError(f"expected 'go AMOUNT', got {line!r}")
        print(json.dumps(answer(amount)), file=replies, flush=True)


def check(contender: Contender) -> None:
    """Raises unless D's update moves D alone, G's moves G alone and losses are finite."""
    if contender.weights and contender.update_d and contender.update_g:
        start = contender.weights()
        contender.update_d()
        after_d = contender.weights()
        contender.update_g()
        after_g = contender.weights()
        moved = [
            [
                any(not np.array_equal(a, b) for a, b in zip(x, y, strict=True))
                for x, y in zip(before, after, strict=True)
            ]
            for before, after in ((start, after_d), (after_d, after_g))
        ]
        if moved != [[True, False], [False, True]]:
            raise AssertionError(f"D's and G's updates moved (D, G): {moved}")
    bad = {k: v for k, v in contender.losses().items() if not math.isfinite(v)}
    if bad:
        raise AssertionError(f"losses are not finite: {bad}")


class Segments:
    """Runs segments of about the seconds asked for, each in one call of `run`."""

    def __init__(self, contender: Contender):
        self._contender = contender
        self._rate = 0.0  # steps/s of the last segment, to size the next one

    def warm_up(self) -> None:
        """Compiles and settles: one call untimed, then ever longer ones up to a second."""
        self._contender.run(self._contender.unit)
        steps = 1
        while self.run(steps)["seconds"] < 0.5:
            steps = max(2 * steps, round(self._rate))

    def run(self, steps: float) -> dict[str, Any]:
        """Runs about that many steps: a whole number of units, at least one."""
        unit = self._contender.unit
        count = max(1, round(steps / unit)) * unit
        start = time.perf_counter()
        count = self._contender.run(count) or count
        seconds = time.perf_counter() - start
        self._rate = count / seconds
        return {
            "steps": count,
            "seconds": seconds,
            "peak_memory_bytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024,
        }

    def answer(self, amount: str) -> dict[str, Any]:
        """A segment for the amount of a `go` line."""
        if amount.endswith("s"):
            result = self.run(float(amount[:-1]) * self._rate)
        else:
            result = self.run(int(amount))
        return result | {"losses": self._contender.losses()}


def main(argv: list[str]) -> None:
    del argv
    replies = claim_stdout()
    module, options = CONTENDERS[flags.FLAGS.contender]
    start = time.perf_counter()
    try:
        contender = importlib.import_module(module).WORKS[flags.FLAGS.work](**options)
        contender.run(contender.unit)
        check(contender)
        segments = Segments(contender)
        segments.warm_up()
    except ModuleNotFoundError as error:
        if error.name not in LIBRARIES:
            raise
        print(json.dumps({"missing": error.name}), file=replies, flush=True)
        return
    ready = {"build_seconds": time.perf_counter() - start, "note": contender.note}
    print(json.dumps(ready), file=replies, flush=True)
    serve(segments.answer, sys.stdin, replies)


if __name__ == "__main__":
    flags.DEFINE_enum("contender", None, list(CONTENDERS), "Who does the work.", required=True)
    flags.DEFINE_string("work", None, "The work, a key of works.WORKS.", required=True)
    app.run(main)
