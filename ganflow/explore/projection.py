"""The z whose sample is nearest to a given example: gradient descent on z, G standing still."""

import dataclasses

import numpy as np
import tensorflow as tf

from ganflow.explore.space import Given, Space
from ganflow.nn import optimizers, schedules
from ganflow.nn.draws import Uniform


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """What the descent from each start has come to.

    Attributes:
      given: of the samples at the end, z among it.
      losses: mean square over an example's numbers, [steps + 1, starts], the first before any step.
      samples: at the end, [starts, ...].
      drawn_loss: the least of as many samples that were merely drawn as `drawn` says.
      drawn: how many.
    """

    given: Given
    losses: np.ndarray
    samples: np.ndarray
    drawn_loss: float
    drawn: int

    @property
    def best(self) -> int:
        """The start that has come nearest."""
        return int(np.argmin(self.losses[-1]))


def project(
    space: Space,
    target: np.ndarray,
    given: Given,
    steps: int = 500,
    rate: float = 0.1,
    drawn: int = 1_000,
) -> Projection:
    """Descend from every start that is given, each on its own.

    Adam, whose rate falls to 0 in a straight line, in units of z's spread. Uniform z's are kept in
    the box.

    Args:
      space: the model's.
      target: an example as models see it, [h, w, c] in [-1, 1], or a point [2].
      given: what the samples of the starts are given.
      steps: of the descent.
      rate: Adam's, at the start.
      drawn: samples to compare with, which cost no descent.
    """
    z = tf.Variable(space.z_of(given), name="z")
    others = {name: tf.constant(value) for name, value in given.items() if name != space.name}
    falling = schedules.linear(rate * space.spread, 0.0, 0, max(steps, 1))
    adam = optimizers.Adam(falling, [z])
    wanted = tf.constant(target, tf.float32)[tf.newaxis]

    def losses_of(z):
        error = tf.reshape(space.generate(z, others) - wanted, [z.shape[0], -1])
        return tf.reduce_mean(tf.square(error), axis=1)

    def step():
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(z)
            losses = losses_of(z)
            total = tf.reduce_sum(losses)  # no start's z is in another's loss
        adam.update([tape.gradient(total, z)])
        if isinstance(space.draw, Uniform):
            z.assign(tf.clip_by_value(z, space.draw.low, space.draw.high))
        return losses

    call = tf.function(step, autograph=False)
    history = [call().numpy() for _ in range(steps)]
    history.append(losses_of(z).numpy())
    ended = space.with_z(given, z.numpy())
    by_chance = np.square(space.drawn(drawn).samples - target).reshape(drawn, -1).mean(axis=1)
    return Projection(ended, np.stack(history), space.made(ended), float(by_chance.min()), drawn)
