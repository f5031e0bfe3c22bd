"""What the steps consume: a model's list of draws, turned into tensors.

The real examples, whole, lie in one constant; a call's steps see the entries that `draws.order`
names. Random numbers are drawn for all steps of a call at once, outside what XLA compiles, for
under XLA the generators give other numbers.
"""

import math

import numpy as np
import tensorflow as tf

from ganflow import data, draws
from ganflow.errors import InputError


class Feed:
    """The batches of every step, as functions of (seed, step)."""

    def __init__(
        self, specs: list[dict], dataset: data.Dataset, batch_size: int, seed: int, labels: bool
    ):
        """Put the data set where TensorFlow can take from it.

        Args:
          specs: a model's `batches()`.
          dataset: real examples.
          batch_size: examples in a batch, over all replicas.
          seed: the run's.
          labels: whether the model needs labels, see `needs_labels`.

        Raises:
          InputError: the model needs labels, and the data set has none.
        """
        if labels and dataset.label is None:
            raise InputError(f"--dataset={dataset.name}: has no labels, and the model needs them")
        self.specs, self.batch_size, self.seed = specs, batch_size, seed
        self.real_batches = sum(map(_has_real, specs))
        self._x = tf.constant(dataset.x)
        self._label = tf.constant(dataset.label) if labels else None
        self.bytes_a_step = sum(
            batch_size * _bytes_an_example(draw, dataset)
            for batch in specs
            for draw in batch.values()
        )

    def order(self, step: int, count: int) -> tf.Tensor:
        """The real examples of `count` steps from `step` on: int32 [count, batches, n]."""
        shape = (count, self.real_batches, self.batch_size)
        first = step * self.real_batches * self.batch_size
        index = draws.order(len(self._x), self.seed, first, math.prod(shape))
        return tf.constant(index.reshape(shape))

    def draw(self, step: tf.Tensor, order: tf.Tensor) -> list[dict[str, tf.Tensor]]:
        """What the steps from `step` on consume, as many as `order` has: [steps, n, ...]."""
        real = iter(tf.unstack(order, axis=1)) if self.real_batches else iter(())
        drawn = []
        for j, batch in enumerate(self.specs):
            index = next(real) if _has_real(batch) else None
            values = {}
            for name, draw in batch.items():
                if isinstance(draw, draws.Real):
                    values[name] = tf.gather(self._x, index)
                elif isinstance(draw, draws.Label):
                    values[name] = tf.gather(self._label, index)
                else:
                    stream, steps = f"{j}/{name}", order.shape[0]
                    values[name] = draws.random(
                        draw, stream, self.seed, step, steps, self.batch_size
                    )
            drawn.append(values)
        return drawn

    def batches(self, drawn: list[dict[str, tf.Tensor]], i: tf.Tensor | int) -> list[dict]:
        """What step number `i` of those drawn consumes, as `train_step` takes it."""
        return [
            {
                name: decoded(value[i]) if isinstance(spec[name], draws.Real) else value[i]
                for name, value in values.items()
            }
            for spec, values in zip(self.specs, drawn, strict=True)
        ]


def needs_labels(specs: list[dict]) -> bool:
    """Whether a model's draws ask for labels."""
    return any(isinstance(draw, draws.Label) for batch in specs for draw in batch.values())


def decoded(x) -> tf.Tensor:
    """Stored examples to what models see: uint8 images [0, 255] -> float32 [-1, 1]."""
    x = tf.convert_to_tensor(x)
    return tf.cast(x, tf.float32) / 127.5 - 1.0 if x.dtype == tf.uint8 else x


def _has_real(batch: dict) -> bool:
    return any(isinstance(draw, draws.Real) for draw in batch.values())


def _bytes_an_example(draw, dataset: data.Dataset) -> int:
    if isinstance(draw, draws.Real):
        return dataset.x[0].nbytes
    if isinstance(draw, draws.Label):
        return 4
    return 4 * draw.times * int(np.prod(draw.shape, dtype=np.int64))
