"""Learning rates that change under way: pure functions of t, the updates done before.

    linear        from `start` at t = first to `end` at t = last, and level before and after

An optimizer that takes one evaluates it at its own count of updates, so that a resumed run goes on
as the uninterrupted one.
"""

from collections.abc import Callable

import tensorflow as tf

Varying = Callable[[tf.Tensor | float], tf.Tensor]  # t -> a float32 scalar


def linear(start: float, end: float, first: float, last: float) -> Varying:
    """A straight line from `start` at t = first to `end` at t = last; level outside.

    Raises:
      ValueError: `last` does not lie behind `first`.
    """
    if last <= first:
        raise ValueError(f"a line from t = {first} to t = {last}: the last must be the larger")

    def at(t: tf.Tensor | float) -> tf.Tensor:
        share = tf.clip_by_value((_number(t) - first) / (last - first), 0.0, 1.0)
        return start + share * (end - start)

    return at


def _number(t: tf.Tensor | float) -> tf.Tensor:
    return tf.cast(t, tf.float32)  # exact up to 16 million updates
