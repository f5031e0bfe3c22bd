"""Losses and penalties: one pure function an equation, each with its source.

D's outputs come in as logits, [n] or [n, 1]: log sigmoid(a) = -softplus(-a) stays finite where
log(sigmoid(a)) would be log 0. Every loss is a mean over the examples it is given and a scalar.
"""

from collections.abc import Callable, Sequence

import tensorflow as tf

from ganflow.nn import replicas


def minimax_d_loss(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> tf.Tensor:
    """-mean(log D(x)) - mean(log(1 - D(G(z)))).

    Goodfellow et al. 2014 (arXiv 1406.2661), eq. 1, as D minimises it.
    """
    return tf.reduce_mean(tf.nn.softplus(-real_logits)) + tf.reduce_mean(
        tf.nn.softplus(fake_logits)
    )


def non_saturating_g_loss(fake_logits: tf.Tensor) -> tf.Tensor:
    """-mean(log D(G(z))): G's loss of arXiv 1406.2661, section 3, last paragraph."""
    return tf.reduce_mean(tf.nn.softplus(-fake_logits))


def matching_d_loss(
    real_logits: tf.Tensor, wrong_logits: tf.Tensor, fake_logits: tf.Tensor, is_wrong: tf.Tensor
) -> tf.Tensor:
    """-mean(log D(x, t)) - (mean(w log(1 - D(x, t'))) + mean(log(1 - D(G(z, t), t)))) / 2.

    Reed et al. 2016 (arXiv 1605.05396), algorithm 1: D must also reject a real x with the caption
    t' of another example.

    Args:
      real_logits, wrong_logits, fake_logits: D's of (x, t), (x, t') and (G(z, t), t), [n, 1] each.
      is_wrong: w, like `wrong_logits`: 0 where t' says the same as t; the mean counts those too.
    """
    wrong_loss = tf.reduce_mean(is_wrong * tf.nn.softplus(wrong_logits))
    fake_loss = tf.reduce_mean(tf.nn.softplus(fake_logits))
    return tf.reduce_mean(tf.nn.softplus(-real_logits)) + 0.5 * (wrong_loss + fake_loss)


def binary_cross_entropy(logits: tf.Tensor, label: tf.Tensor | float) -> tf.Tensor:
    """-mean(t log D + (1 - t) log(1 - D)) with D = sigmoid(logits).

    Args:
      logits: D's outputs before the sigmoid.
      label: t, one number for all (soft labels such as .9 included) or a tensor like `logits`.
    """
    labels = tf.broadcast_to(tf.cast(label, logits.dtype), tf.shape(logits))
    return tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(labels, logits))


def cross_entropy_of_probability(probability: tf.Tensor, label: tf.Tensor | float) -> tf.Tensor:
    """-mean(t log D + (1 - t) log(1 - D)), taken literally: infinite where D rounds to 0 or 1.

    `binary_cross_entropy` is the same function of the logit, and stays finite. This one is here to
    show the difference (document 002's advice to leave D's output unscaled).
    """
    t = tf.cast(label, probability.dtype)
    return -tf.reduce_mean(t * tf.math.log(probability) + (1 - t) * tf.math.log(1 - probability))


def least_squares(scores: tf.Tensor, target: float) -> tf.Tensor:
    """mean (D - target)^2: a half of LSGAN's losses, arXiv 1611.04076, eq. 2, without its 1/2.

    Args:
      scores: D's outputs, one an example or a patch, without a sigmoid.
      target: 1 where they should say "real", 0 where "fake".
    """
    return tf.reduce_mean(tf.square(scores - target))


def absolute(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """mean |x - y| over all numbers of two tensors of one shape; arXiv 1703.10593, eq. 2."""
    return tf.reduce_mean(tf.abs(x - y))


def wasserstein_critic_loss(real_scores: tf.Tensor, fake_scores: tf.Tensor) -> tf.Tensor:
    """mean D(G(z)) - mean D(x): what the critic minimises; arXiv 1701.07875, eq. 2, negated."""
    return tf.reduce_mean(fake_scores) - tf.reduce_mean(real_scores)


def wasserstein_g_loss(fake_scores: tf.Tensor) -> tf.Tensor:
    """-mean D(G(z)): arXiv 1701.07875, algorithm 1, line 10."""
    return -tf.reduce_mean(fake_scores)


def gradient_penalty(
    critic: Callable[[tf.Tensor], tf.Tensor],
    real: tf.Tensor,
    fake: tf.Tensor,
    epsilon: tf.Tensor,
) -> tf.Tensor:
    """mean (|grad_x D(x_hat)|_2 - 1)^2 at x_hat = epsilon x + (1 - epsilon) G(z).

    arXiv 1704.00028, eq. 3 (without its weight lambda) and algorithm 1, lines 4 to 7.

    Args:
      critic: D, from [n, ...] to one score an example.
      real, fake: [n, ...], points or images.
      epsilon: [n], ONE number in [0, 1] an example: the line between x and G(z) is straight.

    The norm is taken over everything but the batch: for images that is h, w and c together.
    """
    epsilon = tf.reshape(epsilon, [-1] + [1] * (len(real.shape) - 1))
    x_hat = epsilon * real + (1.0 - epsilon) * fake
    with tf.GradientTape() as tape:
        tape.watch(x_hat)
        scores = critic(x_hat)
    gradient = tape.gradient(scores, x_hat)  # an example's score depends on that example alone
    squared_norm = tf.reduce_sum(tf.square(gradient), axis=range(1, len(real.shape)))
    # The square root has an infinite slope at 0, which would turn a dead critic's step into NaN.
    return tf.reduce_mean(tf.square(tf.sqrt(squared_norm + 1e-12) - 1.0))


def squared_error(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
    """mean (x - y)^2 over all numbers of x and y, both [n, ...]."""
    return tf.reduce_mean(tf.math.squared_difference(x, y))


def feature_matching(real: Sequence[tf.Tensor], fake: Sequence[tf.Tensor]) -> tf.Tensor:
    """sum over layers of |mean f(x) - mean f(G(z))|^2 / units: how far features' means are apart.

    Salimans et al. 2016 (arXiv 1606.03498), section 3.1; divided by the number of a layer's units,
    as in DiscoGAN's program (arXiv 1703.05192).

    Args:
      real, fake: what D's hidden layers give on real and on generated examples, [n, ...] each.
    """
    apart = [
        tf.math.squared_difference(*(replicas.mean(tf.reduce_mean(f, axis=0)) for f in layer))
        for layer in zip(real, fake, strict=True)
    ]
    return tf.add_n([tf.reduce_mean(squares) for squares in apart])


def colour_consistency(
    x: tf.Tensor, other: tf.Tensor, mean_weight: float, covariance_weight: float
) -> tf.Tensor:
    """mean over examples of lambda_1 |mu - mu'|^2 + lambda_2 |Sigma - Sigma'|^2.

    StackGAN++ (arXiv 1710.10916): mu and Sigma are the mean and the covariance of an image's
    colours over its pixels, so that two images may differ in size; |.| is the root of the sum of
    squares.

    Args:
      x, other: images [n, h, w, c] and [n, h', w', c].
      mean_weight, covariance_weight: lambda_1 and lambda_2.
    """
    (mean, covariance), (other_mean, other_covariance) = map(_colours, (x, other))
    of_means = tf.reduce_sum(tf.square(mean - other_mean), axis=1)
    of_covariances = tf.reduce_sum(tf.square(covariance - other_covariance), axis=[1, 2])
    return tf.reduce_mean(mean_weight * of_means + covariance_weight * of_covariances)


def _colours(x: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Of each image's pixels: the mean [n, c] and the covariance [n, c, c], which divides by n."""
    pixels = tf.reshape(x, [-1, x.shape[1] * x.shape[2], x.shape[3]])
    mean = tf.reduce_mean(pixels, axis=1)
    centred = pixels - mean[:, tf.newaxis]
    return mean, tf.matmul(centred, centred, transpose_a=True) / pixels.shape[1]


def half_squares(variables: Sequence[tf.Variable]) -> tf.Tensor:
    """sum w^2 / 2 over all numbers of some weights: times lambda, a weight decay of lambda w.

    It is part of the loss, so that Adam scales it as the rest (Krogh and Hertz 1991, eq. 2).
    """
    return tf.add_n([tf.nn.l2_loss(v) for v in variables])


def mean_probabilities(real_logits: tf.Tensor, fake_logits: tf.Tensor) -> dict[str, tf.Tensor]:
    """D's mean outputs in a step, no loss but a figure of it: d_real = mean D(x), d_fake."""
    return {
        "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
        "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
    }


def mean_scores(real_scores: tf.Tensor, fake_scores: tf.Tensor) -> dict[str, tf.Tensor]:
    """The same of a critic, whose scores are no probabilities."""
    return {"d_real": tf.reduce_mean(real_scores), "d_fake": tf.reduce_mean(fake_scores)}
