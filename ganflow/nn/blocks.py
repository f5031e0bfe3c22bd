"""Networks of named layers: their weights from their shapes, and the batch norm behind them.

    shapes = {"in": [100, 512], "up_0": [3, 3, 32, 16], "out": [3, 3, 16, 3]}
    g = blocks.weights(shapes, partial(truncated_normal, std=0.02), rng, bare=("out",))
    x = blocks.normed(x, g, "up_0", "batch")        # a convolution with a batch norm behind it

For models with so many layers that a line for each weight would hide what they do.
"""

from collections.abc import Callable, Mapping, Sequence
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ganflow.nn import layers
from ganflow.nn.initializers import batch_norm_weights, gain_and_shift, zeros
from ganflow.nn.layers import Weights

Shapes = Mapping[str, Sequence[int]]  # of a matrix [in, out] or a kernel [h, w, in, out] each


def weights(
    shapes: Shapes,
    make: Callable[..., tf.Variable],
    rng: np.random.Generator,
    biased: Sequence[str] = (),
    bare: Sequence[str] = (),
    moving: bool = True,
) -> Weights:
    """A matrix or kernel NAME_w for each layer, and what stands behind it.

    Args:
      shapes: of the layers, in their order.
      make: (rng, shape, name=...) -> a variable.
      rng: what they are drawn from; gains of batch norm are N(1, .02).
      biased: layers with a bias NAME_b, from 0, and no batch norm.
      bare: layers with neither.
      moving: whether the others' batch norms have moving statistics.
    """
    norm_weights = batch_norm_weights if moving else gain_and_shift
    made: Weights = {}
    for name, shape in shapes.items():
        made[f"{name}_w"] = make(rng, shape, name=f"{name}_w")
        if name in biased:
            made[f"{name}_b"] = zeros([shape[-1]], f"{name}_b")
        elif name not in bare:
            made |= norm_weights(shape[-1], name, rng, gain_std=0.02)
    return made


def normed(
    x: tf.Tensor, weights: Weights, name: str, statistics: str, stride: int = 1
) -> tf.Tensor:
    """The layer of this name and its batch norm: [n, in] -> [n, out], or maps.

    Epsilon 1e-5 and a decay of .9, PyTorch's; `statistics` as in `layers.batch_norm`.
    """
    w = weights[f"{name}_w"]
    y = layers.linear(x, w) if len(w.shape) == 2 else layers.conv(x, w, stride=stride)
    parts = [weights.get(f"{name}_{part}") for part in ("gamma", "beta", "mean", "variance")]
    return layers.batch_norm(y, *parts, statistics, momentum=0.9, epsilon=1e-5)


def numbered(weights: Weights, stem: str) -> list[str]:
    """The names of the layers STEM_0, STEM_1, ..."""
    return [f"{stem}_{i}" for i in range(len(weights)) if f"{stem}_{i}_w" in weights]


def residual(
    x: tf.Tensor,
    weights: Weights,
    stem: str,
    statistics: str,
    inside: Callable,
    behind: Callable = tf.identity,
) -> tf.Tensor:
    """x and what two layers make of it, x <- behind(x + STEM_1(inside(STEM_0(x)))); then 2 and 3.

    He et al. 2015 (arXiv 1512.03385), section 3: there both activations are ReLU.
    """
    names = numbered(weights, stem)
    for first, second in zip(names[::2], names[1::2], strict=True):
        y = inside(normed(x, weights, first, statistics))
        x = behind(x + normed(y, weights, second, statistics))
    return x


# ---------------------------------------------------------------- halving and doubling


def maps_from_4(most: int, side: int) -> list[int]:
    """`most` maps at 4x4 and half as many at each double, up to half of `side`: at least 1."""
    return [max(1, most >> i) for i in range((side // 4).bit_length() - 1)]


def halving_shapes(most: int, side: int, channels: int) -> dict[str, Sequence[int]]:
    """Of 4x4 convolutions with stride 2, from images of `side` to `most` maps of 4x4.

    "in" is to be bare, as in DCGAN (arXiv 1511.06434); then come "down_0", "down_1", ...
    """
    maps = maps_from_4(most, side)[::-1]
    downs = {f"down_{i}": [4, 4, *pair] for i, pair in enumerate(pairwise(maps))}
    return {"in": [4, 4, channels, maps[0]], **downs}


def halved(x: tf.Tensor, weights: Weights) -> tf.Tensor:
    """By those, with leaky ReLU: images, all real or all fake, [n, h, w, c] -> [n, 4, 4, most]."""
    x = layers.leaky_relu(layers.conv(x, weights["in_w"], stride=2))
    for name in numbered(weights, "down"):
        x = layers.leaky_relu(normed(x, weights, name, "batch", stride=2))
    return x


def doubling_shapes(maps: Sequence[int], gates: int = 1) -> dict[str, Sequence[int]]:
    """Of 3x3 convolutions "up_0", "up_1", ... from each number of maps to the next.

    Args:
      maps: from the smallest side.
      gates: 2 where a gated unit is behind each, which takes two maps for one.
    """
    return {f"up_{i}": [3, 3, a, gates * b] for i, (a, b) in enumerate(pairwise(maps))}


def doubled(
    x: tf.Tensor, weights: Weights, statistics: str, activation: Callable = layers.relu
) -> tf.Tensor:
    """By those, each behind a doubling by nearest neighbours: [n, h, w, c] -> larger maps."""
    for name in numbered(weights, "up"):
        x = activation(normed(layers.upsample(x), weights, name, statistics))
    return x


def square_side(shape: tuple[int, int, int], least: int) -> int:
    """The side of images that are squares of `least`, 2 least, 4 least, ... pixels.

    Raises:
      ValueError: they are not.
    """
    height, width, _ = shape
    if height != width or height % least or (height // least) & (height // least - 1):
        wanted = ", ".join(str(least << i) for i in range(3))
        raise ValueError(f"trains on squares of side {wanted}, ..., not on {height}x{width}")
    return height
