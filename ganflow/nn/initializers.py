"""What networks start from: functions that make variables.

Values are drawn by NumPy from a generator that the caller passes along, so that one seed gives the
same weights on every machine and for every number of replicas.
"""

import math
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import tensorflow as tf

Weights = dict[str, tf.Variable]


def zeros(shape: Sequence[int], name: str | None = None) -> tf.Variable:
    """A variable of zeros, as for every bias of the documents."""
    return tf.Variable(tf.zeros(shape), name=name)


def uniform(
    rng: np.random.Generator, shape: Sequence[int], limit: float, name: str | None = None
) -> tf.Variable:
    """U(-limit, limit)."""
    values = rng.random(tuple(shape), np.float32) * np.float32(2 * limit) - np.float32(limit)
    return tf.Variable(values, name=name)


def glorot_uniform(
    rng: np.random.Generator, shape: Sequence[int], name: str | None = None
) -> tf.Variable:
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)); Glorot and Bengio 2010, eq. 16."""
    fan_in, fan_out = _fans(shape)
    return uniform(rng, shape, math.sqrt(6 / (fan_in + fan_out)), name)


def glorot_normal(
    rng: np.random.Generator, shape: Sequence[int], name: str | None = None
) -> tf.Variable:
    """N(0, 2 / (fan_in + fan_out)) without what lies beyond two std: TensorFlow.js's default.

    Its `VarianceScaling` cuts the tails off and does not widen the rest again, as Keras does.
    """
    fan_in, fan_out = _fans(shape)
    return truncated_normal(rng, shape, math.sqrt(2 / (fan_in + fan_out)), name)


def he_uniform(
    rng: np.random.Generator,
    shape: Sequence[int],
    name: str | None = None,
    fan_in: float | None = None,
) -> tf.Variable:
    """U(-a, a) with a = sqrt(6 / fan_in), for layers before a ReLU; He et al. 2015, eq. 10.

    `fan_in` is read from the shape, but for a `deconv`, whose units see kernel / stride^2 inputs.
    """
    fan_in = fan_in or _fans(shape)[0]
    return uniform(rng, shape, math.sqrt(6 / fan_in), name)


def he_normal(
    rng: np.random.Generator,
    shape: Sequence[int],
    name: str | None = None,
    fan_in: float | None = None,
) -> tf.Variable:
    """N(0, sqrt(2 / fan_in)), tails and all; He et al. 2015, eq. 10. `fan_in`: see `he_uniform`."""
    return normal(rng, shape, math.sqrt(2 / (fan_in or _fans(shape)[0])), name)


def normal(
    rng: np.random.Generator,
    shape: Sequence[int],
    std: float,
    name: str | None = None,
    mean: float = 0.0,
) -> tf.Variable:
    """N(mean, std), tails and all: DCGAN's weights (arXiv 1511.06434, section 4)."""
    values = rng.standard_normal(tuple(shape), np.float32)
    return tf.Variable(values * np.float32(std) + np.float32(mean), name=name)


def truncated_normal(
    rng: np.random.Generator, shape: Sequence[int], std: float, name: str | None = None
) -> tf.Variable:
    """N(0, std) without what lies beyond two std, as in Keras's TruncatedNormal."""
    values = rng.standard_normal(tuple(shape), np.float32)
    while (beyond := np.abs(values) > 2).any():
        values[beyond] = rng.standard_normal(np.count_nonzero(beyond), np.float32)
    return tf.Variable(values * np.float32(std), name=name)


def orthogonal(
    rng: np.random.Generator, shape: Sequence[int], name: str | None = None
) -> tf.Variable:
    """Outputs whose weights are orthogonal to each other and of length 1, uniform among such.

    Saxe et al. 2013 (arXiv 1312.6120). A matrix [in, out] or a kernel [h, w, in, out]; where there
    are more outputs than inputs of one, it is the inputs' weights that are.
    """
    n_in, n_out = math.prod(shape[:-1]), shape[-1]
    values = rng.standard_normal((max(n_in, n_out), min(n_in, n_out)))
    q, r = np.linalg.qr(values)
    q = q * np.sign(np.diag(r))  # without it, q would depend on how QR chooses signs
    q = q if n_in >= n_out else q.T
    return tf.Variable(q.reshape(tuple(shape)).astype(np.float32), name=name)


def gain_and_shift(
    units: int, name: str, rng: np.random.Generator | None = None, gain_std: float = 0.0
) -> Weights:
    """What a `batch_norm` trains, each [units]: gamma, N(1, gain_std) or all 1, and beta, all 0."""
    if rng is None:
        gamma = tf.Variable(tf.ones([units]), name=f"{name}_gamma")
    else:
        gamma = normal(rng, [units], gain_std, f"{name}_gamma", mean=1.0)
    return {f"{name}_gamma": gamma, f"{name}_beta": zeros([units], f"{name}_beta")}


def moving_statistics(units: int, name: str) -> Weights:
    """A `batch_norm`'s means of what it saw, each [units]; they are not trained."""
    moving = {"trainable": False}
    return {
        f"{name}_mean": tf.Variable(tf.zeros([units]), name=f"{name}_mean", **moving),
        f"{name}_variance": tf.Variable(tf.ones([units]), name=f"{name}_variance", **moving),
    }


def batch_norm_weights(
    units: int, name: str, rng: np.random.Generator | None = None, gain_std: float = 0.0
) -> Weights:
    """All that a `batch_norm` of so many units or maps may have, each [units], named after `name`.

    Gamma is all 1 or, where a generator is given, N(1, gain_std).
    """
    return gain_and_shift(units, name, rng, gain_std) | moving_statistics(units, name)


def dense_weights(
    rng: np.random.Generator,
    sizes: Sequence[int],
    hidden: Callable[..., tf.Variable] = glorot_uniform,
    out: Callable[..., tf.Variable] = glorot_uniform,
    digits: int = 1,
) -> Weights:
    """Matrices and zero biases of a stack of dense layers: w_0, b_0, w_1, b_1, ...

    Args:
      rng: what they are drawn from.
      sizes: (inputs, units of each layer ..., outputs).
      hidden: makes the matrices in front of an activation.
      out: makes the last one.
      digits: of the numbers in the names; 4 gives w_0000.
    """
    weights: Weights = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        make = out if i == len(sizes) - 2 else hidden
        w, b = f"w_{i:0{digits}d}", f"b_{i:0{digits}d}"
        weights[w], weights[b] = make(rng, [n_in, n_out], w), zeros([n_out], b)
    return weights


def torch_uniform(
    rng: np.random.Generator, shape: Sequence[int], inputs: int, name: str | None = None
) -> tf.Variable:
    """U(-a, a) with a = 1 / sqrt(inputs of a unit), as PyTorch's layers start, biases too."""
    return uniform(rng, shape, 1 / math.sqrt(inputs), name)


def torch_dense_weights(rng: np.random.Generator, sizes: Sequence[int]) -> Weights:
    """PyTorch's linear layers, w_0, b_0, w_1, b_1, ...; `sizes` as of `dense_weights`."""
    weights: Weights = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights[f"w_{i}"] = torch_uniform(rng, [n_in, n_out], n_in, f"w_{i}")
        weights[f"b_{i}"] = torch_uniform(rng, [n_out], n_in, f"b_{i}")
    return weights


def _fans(shape: Sequence[int]) -> tuple[int, int]:
    """Inputs and outputs of one unit, for a matrix [in, out] or a kernel [h, w, in, out]."""
    receptive_field = math.prod(shape[:-2])
    return shape[-2] * receptive_field, shape[-1] * receptive_field
