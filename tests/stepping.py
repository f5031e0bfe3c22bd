"""What the twins and the oracle do with a model: a whole step of it on a batch from NumPy."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ganflow.nn import optimizers
from ganflow.nn.draws import Draw, Normal, Real, Uniform

Scalars = dict[str, tf.Tensor]
Gradients = dict[str, tuple[tf.Tensor, ...]]


def inputs(gan: tf.Module) -> dict[str, Draw]:
    """All that the updates of a model's phases consume, by its name in the batch."""
    return {name: draw for phase in gan.schedule().phases for name, _, draw in phase.draws()}


def batch_of(gan: tf.Module, example_shape, n: int, rng: np.random.Generator) -> dict:
    """One batch: real examples between -1 and 1, and the random numbers as the model has them."""
    batch = {}
    for name, draw in inputs(gan).items():
        if isinstance(draw, Real):
            batch[name] = np.tanh(rng.standard_normal([n, *example_shape]))
            continue
        shape = [draw.times * n, *draw.shape]
        if isinstance(draw, Uniform):
            batch[name] = rng.uniform(draw.low, draw.high, shape)
        elif isinstance(draw, Normal):
            batch[name] = rng.standard_normal(shape)
        else:
            raise TypeError(f"{name}: no test draws {draw} so far")
    return {name: value.astype(np.float32) for name, value in batch.items()}


def whole_step(gan: tf.Module) -> Callable[[dict], tuple[Scalars, Gradients]]:
    """Every update of the schedule, each once, in the order in which they first come.

    The step returns the scalars, and by update ("d_step", "d_step_real") the applied gradients.
    """
    updates = gan.schedule().updates

    def step(batch):
        scalars, gradients = {}, {}
        for name, update in updates.items():
            with optimizers.recorded_updates() as applied:
                scalars |= update(batch)
            for row in applied:
                gradients["_".join(filter(None, [name, row.label]))] = row.gradients
        return scalars, gradients

    return step
