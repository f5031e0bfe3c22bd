"""Layers: functions that apply weights, each a line that says what it does.

A network is a plain dict from names to `tf.Variable` and a pure function that reads from top to
bottom. Nothing here holds state. The weights come from `ganflow.nn.initializers`.
"""

import contextlib
import dataclasses
import functools
import math
import threading
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from ganflow.nn import replicas
from ganflow.nn.initializers import Weights as Weights  # what a network is made of

# ---------------------------------------------------------------- the table of a network


@dataclasses.dataclass(frozen=True)
class LayerRow:
    """One layer that ran: what came out of it, which variables it used."""

    kind: str
    output: tf.Tensor
    variables: tuple[tf.Variable, ...]


_recorder = threading.local()  # a list only while `recorded_layers` is open, in that thread


@contextlib.contextmanager
def recorded_layers() -> Iterator[list[LayerRow]]:
    """Collect a row for every layer that runs inside: the table is what ran, so cannot drift.

    Within another one, rows go to the inner one alone.
    """
    outer = getattr(_recorder, "rows", None)
    _recorder.rows = rows = []
    try:
        yield rows
    finally:
        _recorder.rows = outer


def _layer(function: Callable[..., tf.Tensor]) -> Callable[..., tf.Tensor]:
    @functools.wraps(function)
    def applied(*args, **settings):
        """The layer; in `recorded_layers` with a row for it."""
        output = function(*args, **settings)
        rows = getattr(_recorder, "rows", None)
        if rows is not None:
            used = tuple(a for a in args if isinstance(a, tf.Variable))
            rows.append(LayerRow(function.__name__, output, used))
        return output

    return applied


# ---------------------------------------------------------------- applying weights


@_layer
def linear(x: tf.Tensor, w: tf.Variable, b: tf.Variable | None = None) -> tf.Tensor:
    """x w + b: [n, in] x [in, out] + [out] -> [n, out]; without b where none is given."""
    y = tf.matmul(x, w)
    return y if b is None else y + b


@_layer
def embedding(index: tf.Tensor, w: tf.Variable) -> tf.Tensor:
    """Rows of w: indices [n, ...] into [count, size] -> [n, ..., size]."""
    return tf.gather(w, index)


@_layer
def bag_of_words(caption: tf.Tensor, w: tf.Variable) -> tf.Tensor:
    """The sum of a caption's words' rows of w: token ids [n, words] -> [n, size].

    Id 0 is no word: it fills captions up to one length.
    """
    is_word = tf.cast(caption > 0, w.dtype)[:, :, tf.newaxis]  # [n, words, 1]
    return tf.reduce_sum(is_word * tf.gather(w, caption), axis=1)


@_layer
def conv(
    x: tf.Tensor,
    w: tf.Variable,
    b: tf.Variable | None = None,
    stride: int = 1,
    padding: int | None = None,
) -> tf.Tensor:
    """Convolution with zero padding: [n, h, w, in] by a kernel [kh, kw, in, out] -> out maps.

    The output is ceil(h / stride) by ceil(w / stride). Or it has, as in PyTorch, `padding` pixels
    of zeros on every side, and is floor((h + 2 padding - kh) / stride) + 1 high.
    """
    y = tf.nn.conv2d(x, w, strides=stride, padding=_padding(padding))
    return y if b is None else y + b


@_layer
def deconv(
    x: tf.Tensor,
    w: tf.Variable,
    b: tf.Variable | None = None,
    stride: int = 2,
    padding: int | None = None,
    output_padding: int = 0,
) -> tf.Tensor:
    """Transposed convolution: the gradient of a stride-s `conv`, run forwards (DCGAN, sect. 3).

    [n, h, w, in] by a kernel [kh, kw, out, in] -> [n, stride h, stride w, out]; of a `conv` with
    `padding`, as in PyTorch, the output is stride (h - 1) + kh - 2 padding + output_padding high.
    A stride of 2 makes one size of two: an `output_padding` of 1 says that it was the larger one.
    """
    n, height, width, _ = tf.unstack(tf.shape(x))
    kernel_height, kernel_width, maps, _ = w.shape
    sides = [stride * height, stride * width]
    if padding is not None:
        more = output_padding - stride - 2 * padding
        sides = [sides[0] + kernel_height + more, sides[1] + kernel_width + more]
    output_shape = tf.stack([n, *sides, maps])
    y = tf.nn.conv2d_transpose(x, w, output_shape, strides=stride, padding=_padding(padding))
    return y if b is None else y + b


def _padding(pixels: int | None) -> str | list[list[int]]:
    """TensorFlow's word for so many pixels of zeros; None: its own, half the kernel's side."""
    return "SAME" if pixels is None else [[0, 0], [pixels, pixels], [pixels, pixels], [0, 0]]


@_layer
def reflect(x: tf.Tensor, margin: int) -> tf.Tensor:
    """Maps mirrored at their edges: [n, h, w, c] -> [n, h + 2 margin, w + 2 margin, c].

    The outermost pixels are the mirror and do not stand twice; `margin` is less than h and w.
    """
    beside = [margin, margin]
    return tf.pad(x, [[0, 0], beside, beside, [0, 0]], mode="REFLECT")


@_layer
def instance_norm(x: tf.Tensor, epsilon: float = 1e-5) -> tf.Tensor:
    """(x - mean) / sqrt(variance + epsilon), a map of an example at a time: [n, h, w, c].

    Ulyanov et al. 2016 (arXiv 1607.08022), eq. 2, without scale and shift. Examples do not see each
    other, so there are no statistics to keep.
    """
    mean = tf.reduce_mean(x, [1, 2], keepdims=True)
    variance = tf.reduce_mean(tf.square(x - mean), [1, 2], keepdims=True)
    return (x - mean) * tf.math.rsqrt(variance + epsilon)


@_layer
def batch_norm(
    x: tf.Tensor,
    gamma: tf.Variable | None,
    beta: tf.Variable | None,
    mean: tf.Variable | None,
    variance: tf.Variable | None,
    statistics: str,
    momentum: float = 0.99,
    epsilon: float = 1e-3,
) -> tf.Tensor:
    """gamma (x - mean) / sqrt(variance + epsilon) + beta, a unit or a map at a time.

    Ioffe and Szegedy 2015 (arXiv 1502.03167), algorithms 1 and 2.

    Args:
      x: [n, units] or [n, h, w, maps].
      gamma, beta: from `batch_norm_weights`, [units]; both None: without scale and shift.
      mean, variance: from there too; both None where `statistics` is always "batch".
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
    if statistics == "update":  # the same in every replica
        for moving, now in ((mean, batch_mean), (variance, batch_variance)):
            moving = replicas.local(moving)
            moving.assign(momentum * moving + (1 - momentum) * now)
    return tf.nn.batch_normalization(x, batch_mean, batch_variance, beta, gamma, epsilon)


@_layer
def upsample(x: tf.Tensor) -> tf.Tensor:
    """Each pixel becomes a 2 x 2 block of itself: [n, h, w, c] -> [n, 2h, 2w, c]."""
    return tf.repeat(tf.repeat(x, 2, axis=1), 2, axis=2)


@_layer
def pixel_shuffle(x: tf.Tensor, factor: int = 2) -> tf.Tensor:
    """Maps laid out as pixels: [n, h, w, factor^2 c] -> [n, factor h, factor w, c].

    Shi et al. 2016 (arXiv 1609.05158), eq. 4: out[factor h + i, factor w + j, k] is
    x[h, w, (factor i + j) c + k], so the c maps of one place stand side by side. This is the order
    of tf.nn.depth_to_space; PyTorch's PixelShuffle has x[h, w, factor^2 k + factor i + j].
    """
    return tf.nn.depth_to_space(x, factor)


@_layer
def max_pool(x: tf.Tensor) -> tf.Tensor:
    """The largest of every 2 x 2 block: [n, h, w, c] -> [n, h/2, w/2, c]."""
    return tf.nn.max_pool2d(x, ksize=2, strides=2, padding="VALID")


@_layer
def average_pool(x: tf.Tensor, side: int = 2) -> tf.Tensor:
    """The mean of every block of side x side pixels: [n, h, w, c] -> [n, h/side, w/side, c]."""
    return tf.nn.avg_pool2d(x, ksize=side, strides=side, padding="VALID")


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
def prelu(x: tf.Tensor, slope: tf.Variable) -> tf.Tensor:
    """x where x > 0, slope x elsewhere, with a slope [c] that is learnt for each map or unit.

    He et al. 2015 (arXiv 1502.01852), eq. 1; slopes start at .25 there.
    """
    return tf.maximum(x, 0.0) + slope * tf.minimum(x, 0.0)


@_layer
def selu(x: tf.Tensor) -> tf.Tensor:
    """1.0507 x where x > 0, 1.0507 * 1.6733 (e^x - 1) elsewhere.

    Klambauer et al. 2017 (arXiv 1706.02515), eq. 2: it keeps a mean of 0 and a variance of 1.
    """
    return tf.nn.selu(x)


@_layer
def relu(x: tf.Tensor) -> tf.Tensor:
    """max(x, 0)."""
    return tf.nn.relu(x)


@_layer
def elu(x: tf.Tensor) -> tf.Tensor:
    """x where x > 0, e^x - 1 elsewhere; Clevert et al. 2015 (arXiv 1511.07289), eq. 15, alpha 1."""
    return tf.nn.elu(x)


@_layer
def maxout(x: tf.Tensor, pieces: int) -> tf.Tensor:
    """The largest of each unit's pieces, which stand side by side: [n, units pieces] -> [n, units].

    Goodfellow et al. 2013 (arXiv 1302.4389), section 3: with the `linear` in front of it, every
    unit is the maximum of `pieces` linear functions.
    """
    return tf.reduce_max(tf.reshape(x, [-1, x.shape[1] // pieces, pieces]), axis=2)


@_layer
def glu(x: tf.Tensor) -> tf.Tensor:
    """The first half of the units or maps times the sigmoid of the second: [..., 2k] -> [..., k].

    Dauphin et al. 2016 (arXiv 1612.08083), eq. 1: a gated linear unit.
    """
    value, gate = tf.split(x, 2, axis=-1)
    return value * tf.sigmoid(gate)


@_layer
def tanh(x: tf.Tensor) -> tf.Tensor:
    """Hyperbolic tangent, into (-1, 1)."""
    return tf.tanh(x)


@_layer
def sigmoid(x: tf.Tensor) -> tf.Tensor:
    """1 / (1 + exp(-x)), into (0, 1)."""
    return tf.sigmoid(x)


@_layer
def join(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """y after x: vectors [n, a] and [n, k] -> [n, a + k], or maps [n, h, w, a] -> [n, h, w, a + k].

    Every number of y becomes a map that is the same everywhere (DCGAN's program joins labels so).
    """
    if len(x.shape) == 4:
        pixels = tf.ones_like(x[..., :1])  # [n, h, w, 1]
        y = pixels * y[:, tf.newaxis, tf.newaxis, :]
    return tf.concat([x, y], axis=-1)


@_layer
def reshape(x: tf.Tensor, shape: Sequence[int]) -> tf.Tensor:
    """Each example to `shape`: [n, ...] -> [n, *shape]."""
    return tf.reshape(x, [-1, *shape])


@_layer
def flatten(x: tf.Tensor) -> tf.Tensor:
    """Each example to a vector: [n, h, w, c] -> [n, h w c]."""
    return tf.reshape(x, [-1, math.prod(x.shape[1:])])


@_layer
def pack(x: tf.Tensor, m: int) -> tf.Tensor:
    """Every m examples that follow each other to one: [n m, ..., c] -> [n, ..., m c].

    Points or maps stand one after another in the last axis: PacGAN (arXiv 1712.04086), section 2.
    """
    packs = tf.reshape(x, [-1, m, *x.shape[1:]])
    return tf.concat(tf.unstack(packs, axis=1), axis=-1)


def pack_each(x: tf.Tensor, m: int) -> tf.Tensor:
    """Each example with the m - 1 that follow it, after the last the first: [n, ..., c] -> m c."""
    return tf.concat([tf.roll(x, -i, axis=0) for i in range(m)], axis=-1)


def differ(a: tf.Tensor, b: tf.Tensor) -> tf.Tensor:
    """1 for each row in which two captions differ, else 0: token ids [n, words] twice -> [n, 1]."""
    return tf.cast(tf.reduce_any(a != b, axis=1, keepdims=True), tf.float32)
