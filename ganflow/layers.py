"""Layers: functions that make weights, and functions that apply them.

A network is a plain dict from names to `tf.Variable` and a pure function that reads from top to
bottom. Nothing here holds state: whoever wants to know what a layer does reads its line.

Weights are drawn by NumPy from a generator that the caller passes along, so that one seed gives
the same weights on every machine and for every number of replicas.
"""

import contextlib
import dataclasses
import functools
import math
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import tensorflow as tf

from ganflow import replicas

Weights = dict[str, tf.Variable]


# ---------------------------------------------------------------- making weights


def zeros(shape: Sequence[int], name: str | None = None) -> tf.Variable:
    """A variable of zeros, as for every bias of the documents."""
    return tf.Variable(tf.zeros(shape), name=name)


def glorot_uniform(
    rng: np.random.Generator, shape: Sequence[int], name: str | None = None
) -> tf.Variable:
    """U(-a, a) with a = sqrt(6 / (fan_in + fan_out)); Glorot and Bengio 2010, eq. 16."""
    fan_in, fan_out = _fans(shape)
    return _uniform(rng, shape, math.sqrt(6 / (fan_in + fan_out)), name)


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
    return _uniform(rng, shape, math.sqrt(6 / fan_in), name)


def truncated_normal(
    rng: np.random.Generator, shape: Sequence[int], std: float, name: str | None = None
) -> tf.Variable:
    """N(0, std) without what lies beyond two std, as in Keras's TruncatedNormal."""
    values = rng.standard_normal(tuple(shape), np.float32)
    while (beyond := np.abs(values) > 2).any():
        values[beyond] = rng.standard_normal(np.count_nonzero(beyond), np.float32)
    return tf.Variable(values * np.float32(std), name=name)


def batch_norm_weights(units: int, name: str) -> Weights:
    """What a `batch_norm` of so many units or maps needs, each [units], named after `name`.

    The moving statistics are not trained: they are means of what the layer saw.
    """
    moving = {"trainable": False, "aggregation": tf.VariableAggregation.ONLY_FIRST_REPLICA}
    return {
        f"{name}_gamma": tf.Variable(tf.ones([units]), name=f"{name}_gamma"),
        f"{name}_beta": tf.Variable(tf.zeros([units]), name=f"{name}_beta"),
        f"{name}_mean": tf.Variable(tf.zeros([units]), name=f"{name}_mean", **moving),
        f"{name}_variance": tf.Variable(tf.ones([units]), name=f"{name}_variance", **moving),
    }


def _uniform(rng, shape, limit, name):
    values = rng.random(tuple(shape), np.float32) * np.float32(2 * limit) - np.float32(limit)
    return tf.Variable(values, name=name)


def _fans(shape: Sequence[int]) -> tuple[int, int]:
    """Inputs and outputs of one unit, for a matrix [in, out] or a kernel [h, w, in, out]."""
    receptive_field = math.prod(shape[:-2])
    return shape[-2] * receptive_field, shape[-1] * receptive_field


# ---------------------------------------------------------------- the table of a network


@dataclasses.dataclass(frozen=True)
class LayerRow:
    """One layer that ran: what came out of it, which variables it used."""

    kind: str
    output: tf.Tensor
    variables: tuple[tf.Variable, ...]


_rows: list[LayerRow] | None = None  # a list only while `recorded_layers` is open


@contextlib.contextmanager
def recorded_layers() -> Iterator[list[LayerRow]]:
    """Collect a row for every layer that runs inside: the table is what ran, so cannot drift."""
    global _rows
    _rows = rows = []
    try:
        yield rows
    finally:
        _rows = None


def _layer(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    @functools.wraps(function)
    def applied(*args, **settings):
        output = function(*args, **settings)
        if _rows is not None:
            used = tuple(a for a in args if isinstance(a, tf.Variable))
            _rows.append(LayerRow(function.__name__, output, used))
        return output

    return applied


# ---------------------------------------------------------------- applying weights


@_layer
def linear(x: tf.Tensor, w: tf.Variable, b: tf.Variable | None = None) -> tf.Tensor:
    """x w + b: [n, in] x [in, out] + [out] -> [n, out]; without b where none is given."""
    y = tf.matmul(x, w)
    return y if b is None else y + b


@_layer
def conv(x: tf.Tensor, w: tf.Variable, b: tf.Variable, stride: int = 1) -> tf.Tensor:
    """Convolution with zero padding: [n, h, w, in] by a kernel [kh, kw, in, out] -> out maps.

    The output is ceil(h / stride) by ceil(w / stride).
    """
    return tf.nn.conv2d(x, w, strides=stride, padding="SAME") + b


@_layer
def deconv(x: tf.Tensor, w: tf.Variable, b: tf.Variable, stride: int = 2) -> tf.Tensor:
    """Transposed convolution: the gradient of a stride-s `conv`, run forwards (DCGAN, sect. 3).

    [n, h, w, in] by a kernel [kh, kw, out, in] -> [n, stride h, stride w, out].
    """
    n, height, width, _ = tf.unstack(tf.shape(x))
    output_shape = tf.stack([n, stride * height, stride * width, w.shape[2]])
    y = tf.nn.conv2d_transpose(x, w, output_shape, strides=stride, padding="SAME")
    return y + b


@_layer
def batch_norm(
    x: tf.Tensor,
    gamma: tf.Variable,
    beta: tf.Variable,
    mean: tf.Variable,
    variance: tf.Variable,
    statistics: str,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
) -> tf.Tensor:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, a unit or a map at a time.

    Ioffe and Szegedy 2015 (arXiv 1502.03167), algorithms 1 and 2.

    Args:
      x: [n, units] or [n, h, w, maps].
      gamma, beta, mean, variance: from `batch_norm_weights`, [units].
      statistics: which mean and variance are taken. "batch": this batch's, over all replicas.
        "update": the same, and they enter the moving ones. "moving": the moving ones, so that an
        example's output does not depend on the others: for sampling.
      momentum: the moving ones' decay: moving <- momentum moving + (1 - momentum) batch.
      epsilon: keeps a unit that never varies from a division by zero.
    """
    if statistics == "moving":
        return tf.nn.batch_normalization(x, mean, variance, beta, gamma, epsilon)
    axes = list(range(len(x.shape) - 1))
    batch_mean = replicas.mean(tf.reduce_mean(x, axes))
    batch_variance = replicas.mean(tf.reduce_mean(tf.square(x - batch_mean), axes))
    if statistics == "update":
        mean.assign(momentum * mean + (1 - momentum) * batch_mean)
        variance.assign(momentum * variance + (1 - momentum) * batch_variance)
    return tf.nn.batch_normalization(x, batch_mean, batch_variance, beta, gamma, epsilon)


@_layer
def upsample(x: tf.Tensor) -> tf.Tensor:
    """Each pixel becomes a 2 x 2 block of itself: [n, h, w, c] -> [n, 2h, 2w, c]."""
    return tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)


@_layer
def max_pool(x: tf.Tensor) -> tf.Tensor:
    """The largest of every 2 x 2 block: [n, h, w, c] -> [n, h/2, w/2, c]."""
    return tf.nn.max_pool2d(x, ksize=2, strides=2, padding="VALID")


@_layer
def dropout(x: tf.Tensor, u: tf.Tensor, rate: float) -> tf.Tensor:
    """Zero the units whose u ~ U(0, 1) is below `rate`; scale the others by 1 / (1 - rate).

    Args:
      x: [n, units].
      u: [n, units], drawn by the engine so that a step stays a function of its inputs.
      rate: the share that is dropped (TF1's `tf.nn.dropout(x, p)` took the share that is kept).
    """
    return tf.where(u >= rate, x * (1 / (1 - rate)), 0.0)


@_layer
def leaky_relu(x: tf.Tensor, slope: float = 0.2) -> tf.Tensor:
    """x where x > 0, slope * x elsewhere."""
    return tf.nn.leaky_relu(x, slope)


@_layer
def relu(x: tf.Tensor) -> tf.Tensor:
    """max(x, 0)."""
    return tf.nn.relu(x)


@_layer
def tanh(x: tf.Tensor) -> tf.Tensor:
    """Hyperbolic tangent, into (-1, 1)."""
    return tf.tanh(x)


@_layer
def sigmoid(x: tf.Tensor) -> tf.Tensor:
    """1 / (1 + exp(-x)), into (0, 1)."""
    return tf.sigmoid(x)


@_layer
def reshape(x: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Each example to `shape`: [n, ...] -> [n, *shape]."""
    return tf.reshape(x, [-1, *shape])


@_layer
def flatten(x: tf.Tensor) -> tf.Tensor:
    """Each example to a vector: [n, h, w, c] -> [n, h w c]."""
    return tf.reshape(x, [-1, math.prod(x.shape[1:])])
