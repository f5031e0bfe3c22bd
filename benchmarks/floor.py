"""A worker that measures what the machine can do at this moment.

Same protocol as worker.py; a `go` line's amount is how often each measurement
is repeated. The best repetition counts: a floor is what the machine is capable
of, and whatever disturbs a measurement only ever makes it slower.
"""

import json
import os
import sys
import time
from collections.abc import Callable
from concurrent import futures

import numpy as np

from benchmarks import worker

MATRIX = 2_000
COPY_BYTES = 256 * 2**20


def best_seconds(action: Callable[[], object], repeats: int) -> float:
    """The shortest of `repeats` timings of the action."""

    def timed() -> float:
        start = time.perf_counter()
        action()
        return time.perf_counter() - start

    return min(timed() for _ in range(repeats))


def matmul() -> Callable[[], object]:
    """A float32 product of two square matrices in TensorFlow, on all its threads."""
    import tensorflow as tf

    a, b = tf.random.normal([2, MATRIX, MATRIX])
    product = tf.function(lambda: tf.reduce_sum(tf.matmul(a, b)[0, 0]))
    return lambda: product().numpy()


def copies() -> list[Callable[[], object]]:
    """Copies of a large array, by one thread and by one thread a processor."""
    source = np.ones(COPY_BYTES // 4, np.float32)
    target = np.zeros_like(source)
    threads = len(os.sched_getaffinity(0))
    pool = futures.ThreadPoolExecutor(threads)
    parts = list(zip(np.array_split(target, threads), np.array_split(source, threads), strict=True))
    return [
        lambda: np.copyto(target, source),
        lambda: list(pool.map(lambda part: np.copyto(*part), parts)),
    ]


def main() -> None:
    replies = worker.claim_stdout()
    multiply, copy = matmul(), copies()

    def answer(amount: str) -> dict[str, float]:
        repeats = int(amount)
        return {
            "flops_rate": 2 * MATRIX**3 / best_seconds(multiply, repeats),
            # A copy reads and writes every byte.
            "byte_rate": 2 * COPY_BYTES / min(best_seconds(c, repeats) for c in copy),
        }

    answer("2")
    print(json.dumps({"note": ""}), file=replies, flush=True)
    worker.serve(answer, sys.stdin, replies)


if __name__ == "__main__":
    main()
