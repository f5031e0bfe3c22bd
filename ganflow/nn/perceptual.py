"""A small classifier of a model's own, for losses that compare features in place of pixels.

Johnson et al. 2016 (arXiv 1603.08155) and SRGAN (1609.04802) take VGG19's, trained on ImageNet.
This one learns the labels of the data at hand, in an update of the model's own, and nothing is
fetched: two convolutions with batch norm and ReLU, the second with stride 2, and a linear layer.
Before their ReLU the features are of variance 1 over what it has seen, whatever the seed: a mean
square of their differences is of a size with one of pixels.
"""

import math

import numpy as np
import tensorflow as tf

from ganflow.nn import layers
from ganflow.nn.initializers import glorot_uniform, moving_statistics, zeros
from ganflow.nn.layers import Weights

MAPS = (32, 64)


def weights(x_shape: tuple[int, ...], classes: int, rng: np.random.Generator) -> Weights:
    """Glorot-uniform, a zero bias; for images of x_shape, (h, w, c)."""
    *sides, n_in = x_shape
    made: Weights = {}
    for i, n_out in enumerate(MAPS):
        made[f"conv_{i}_w"] = glorot_uniform(rng, [3, 3, n_in, n_out], f"conv_{i}_w")
        made |= moving_statistics(n_out, f"norm_{i}")
        n_in = n_out
    flat = math.prod(-(-side // 2) for side in sides) * n_in  # 14 * 14 * 64 = 12,544
    made["out_w"] = glorot_uniform(rng, [flat, classes], "out_w")
    return made | {"out_b": zeros([classes], "out_b")}


def features(weights: Weights, x: tf.Tensor, statistics: str = "moving") -> tf.Tensor:
    """Images in [-1, 1], [n, 28, 28, 1] -> maps [n, 14, 14, 64].

    `statistics` as in `layers.batch_norm`: "moving" for losses, "update" to learn.
    """
    for i in range(len(MAPS)):
        x = layers.conv(x, weights[f"conv_{i}_w"], stride=1 + i)  # [n, 28, 28, 32], [n, 14, 14, 64]
        moving = weights[f"norm_{i}_mean"], weights[f"norm_{i}_variance"]
        x = layers.batch_norm(x, None, None, *moving, statistics, momentum=0.9, epsilon=1e-5)
        x = layers.relu(x)
    return x


def loss(weights: Weights, x: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """-mean(log p(label | x)), to learn by: images as above, and their classes [n]."""
    maps = layers.flatten(features(weights, x, "update"))
    logits = layers.linear(maps, weights["out_w"], weights["out_b"])
    return tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(label, logits))


def difference(weights: Weights, x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """mean (phi(x) - phi(y))^2 over all features of all images."""
    return tf.reduce_mean(tf.math.squared_difference(features(weights, x), features(weights, y)))
