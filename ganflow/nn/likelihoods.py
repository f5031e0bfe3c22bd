"""Log-likelihoods, one number an example, in nats: [n]."""

import math

import tensorflow as tf


def categorical(logits: tf.Tensor, index: tf.Tensor) -> tf.Tensor:
    """log softmax(logits) at `index`: logits [n, count] and integers [n] -> [n]."""
    return -tf.nn.sparse_softmax_cross_entropy_with_logits(labels=index, logits=logits)


def gaussian(x: tf.Tensor, mean: tf.Tensor, std: tf.Tensor | float = 1.0) -> tf.Tensor:
    """log N(x; mean, std^2), independent components, summed over them: [n, k] -> [n].

    A component's is -(x - mean)^2 / (2 std^2) - log std - log(2 pi) / 2.
    """
    std = tf.cast(std, x.dtype)
    each = -0.5 * tf.square((x - mean) / std) - tf.math.log(std) - 0.5 * math.log(2 * math.pi)
    return tf.reduce_sum(each, axis=1)
