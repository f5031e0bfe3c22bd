"""Learning rates and momenta that change under way: pure functions of t, the updates done before.

    exponential   max(floor, rate / decay^t)
    linear        from `start` at t = first to `end` at t = last, and level before and after
    halving       max(lowest, rate / 2^floor(t / every))
    dropping      rate up to t = after - 1, and then a tenth of it

An optimizer that takes one evaluates it at its own count of updates, so that a resumed run goes on
as the uninterrupted one.
"""

import math
from collections.abc import Callable

import tensorflow as tf

Varying = Callable[[tf.Tensor | float], tf.Tensor]  # t -> a float32 scalar


def exponential(rate: float, decay: float, floor: float = 0.0) -> Varying:
    """max(floor, rate / decay^t): pylearn2's ExponentialDecay, as 1406.2661's program has it.

    Args:
      rate: at t = 0.
      decay: what it is divided by at every update, 1.000004 say.
      floor: it never falls below this.
    """
    # Not tf.pow(decay, t): the float32 nearest to 1.000004 lies 1 % further from 1.
    speed = math.log(decay)
    return lambda t: tf.maximum(floor, rate * tf.exp(-speed * _number(t)))


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


def halving(rate: float, every: int, lowest: float) -> Varying:
    """rate / 2^floor(t / every), but never below `lowest`."""
    return lambda t: tf.maximum(rate * 0.5 ** tf.floor(_number(t) / every), lowest)


def dropping(rate: float, after: int, factor: float = 0.1) -> Varying:
    """rate for the first `after` updates, and `factor` times as much for all others."""
    return lambda t: rate * tf.where(_number(t) < after, 1.0, factor)


def _number(t: tf.Tensor | float) -> tf.Tensor:
    return tf.cast(t, tf.float32)  # exact up to 16 million updates
