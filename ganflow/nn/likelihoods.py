"""Log-likelihoods, one number an example, in nats: [n]; and what a code that is drawn costs."""

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


def reparametrised(
    mean: tf.Tensor, log_std: tf.Tensor, epsilon: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """A draw from N(mean, std^2) through which gradients flow, and what it tells.

    Kingma and Welling 2013 (arXiv 1312.6114), section 2.4 and appendix B: mean + std epsilon, and
    KL(N(mean, std^2) || N(0, 1)) = (mean^2 + std^2 - 1) / 2 - log std of each component.

    Args:
      mean, log_std: [n, k].
      epsilon: [n, k], N(0, 1).

    Returns:
      (the draw [n, k], the mean of the divergences over components and examples, a scalar in nats).
    """
    std = tf.exp(log_std)
    divergence = 0.5 * (tf.square(mean) + tf.square(std) - 1.0) - log_std
    return mean + std * epsilon, tf.reduce_mean(divergence)
