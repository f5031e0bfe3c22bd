"""Which directions of z G hears most: singular vectors of the first layer that z meets.

The layer is found by asking, not by its name: z is moved a little in every direction at once
(forward-mode derivatives), and the first layer with weights whose output moves is the one. Of a
linear layer the derivative is its matrix, or those rows of it that z meets where a label comes in
beside it. A model that uses no layer of ours has none that can be seen; then it is the whole G, at
the mean z.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from ganflow.explore.space import Given, Space
from ganflow.interface import gans
from ganflow.nn import layers

_AT_ONCE = 64  # directions: a copy of G's layers for each is in memory


@dataclasses.dataclass(frozen=True, eq=False)
class Principal:
    """The directions, the strongest first.

    Attributes:
      where: the layer, in words.
      directions: unit vectors, float64 [k, d], k being the lesser of d and the layer's outputs;
        of each the largest number is positive.
      values: the singular values [k]: how far the layer moves for a step of 1.
    """

    where: str
    directions: np.ndarray
    values: np.ndarray


def principal(space: Space, given: Given) -> Principal:
    """The singular vectors of the first layer, or of G.

    Args:
      space: the model's.
      given: what one sample is given; z itself is put to the mean.
    """
    given = space.with_z(given, np.full([1, space.size], space.middle))
    number, where = _first_layer(space, given)
    left, values, _ = np.linalg.svd(_jacobian(space, given, number), full_matrices=False)
    vectors = left.T
    largest = vectors[np.arange(len(vectors)), np.abs(vectors).argmax(axis=1)]
    return Principal(where, vectors * np.sign(largest)[:, np.newaxis], values)


def effects(space: Space, given: Given) -> np.ndarray:
    """How much each component moves a sample: root mean square over its numbers, per unit of z.

    Args:
      space: the model's.
      given: what one sample is given.

    Returns:
      float64 [d].
    """
    return np.sqrt(np.square(_jacobian(space, given, None)).mean(axis=1))


def _first_layer(space: Space, given: Given) -> tuple[int | None, str]:
    """(Number among the layers that run, which it is); None for the whole of G."""
    tangent = np.random.RandomState(0).standard_normal([1, space.size])
    ran, moved, _ = _moved(space, given, tangent)
    names = {id(v): name for name, v in gans.named_weights(space.gan)}
    for number, (row, change) in enumerate(zip(ran, moved, strict=True)):
        known = [names[id(v)] for v in row.variables if id(v) in names]
        if known and change is not None and np.any(change.numpy()):
            return number, f"the layer of {known[0]}, the first that z meets"
    return None, "the whole of G, at the mean z"


def _jacobian(space: Space, given: Given, number: int | None) -> np.ndarray:
    """Derivatives [d, outputs] of a layer's outputs, or of the sample's, with respect to z."""
    parts = []
    for start in range(0, space.size, _AT_ONCE):
        tangents = np.eye(space.size)[start : start + _AT_ONCE]
        _, moved, sample = _moved(space, given, tangents)
        change = sample if number is None else moved[number]
        shape = [len(tangents), -1]
        parts.append(np.zeros([len(tangents), 1]) if change is None else np.reshape(change, shape))
    return np.concatenate(parts).astype(np.float64)


def _moved(space: Space, given: Given, tangents: np.ndarray):
    """One sample, z moved along each tangent [n, d].

    Returns:
      (the layers that ran, the derivative of each one's output [n, ...] or None where z does not
      reach it, that of the sample).
    """
    count = len(tangents)
    others = {name: tf.repeat(value, count, axis=0) for name, value in given.items()}
    z = tf.repeat(tf.constant(space.z_of(given)), count, axis=0)
    tangents = tf.constant(tangents, tf.float32)
    with tf.autodiff.ForwardAccumulator(z, tangents) as forward:
        with layers.recorded_layers() as ran:
            sample = space.generate(z, others)
        return ran, [forward.jvp(row.output) for row in ran], forward.jvp(sample)
