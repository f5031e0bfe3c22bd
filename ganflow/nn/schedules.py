"""Numbers that change over a training, a learning rate above all, as functions of the step."""

from collections.abc import Callable

import tensorflow as tf

from ganflow.nn import replicas
from ganflow.nn.optimizers import Optimizer

Schedule = Callable[[tf.Tensor | int], tf.Tensor]


def linear(start: float, end: float, first: int, last: int) -> Schedule:
    """`start` until step `first`, from there on a line to `end` at step `last`, then `end`.

    Raises:
      ValueError: `last` comes before `first`.
    """
    if last < first:
        raise ValueError(f"a line from step {first} back to step {last}")

    def at(step: tf.Tensor | int) -> tf.Tensor:
        share = (tf.cast(step, tf.float32) - first) / max(last - first, 1)
        return start + (end - start) * tf.clip_by_value(share, 0.0, 1.0)

    return at


def follow(optimizer: Optimizer, rate: Schedule) -> tf.Tensor:
    """Inside a step, before an update: give the optimizer the rate of its next one; returns it."""
    now = rate(replicas.local(optimizer.iterations))
    replicas.local(optimizer.learning_rate).assign(now)
    return now
