"""Optimizers over explicit lists of variables.

Every list of variables has one Keras optimizer, built at once: an unbuilt one would make its slots
inside the first `tf.function` trace, which fails under several replicas.
"""

from collections.abc import Sequence

import keras
import tensorflow as tf

from ganflow import replicas


def variables(*networks: dict[str, tf.Variable]) -> list[tf.Variable]:
    """The trainable variables of the networks in the order of their dicts, each named once.

    A variable that two networks share (CoGAN) is found by identity and listed a single time.
    """
    unique = {id(v): v for weights in networks for v in weights.values() if v.trainable}
    return list(unique.values())


def sgd(learning_rate: float, trained: Sequence[tf.Variable]) -> keras.optimizers.Optimizer:
    """w <- w - learning_rate * gradient."""
    optimizer = keras.optimizers.SGD(learning_rate)
    optimizer.build(trained)
    return optimizer


def adam(
    learning_rate: float,
    trained: Sequence[tf.Variable],
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-8,
) -> keras.optimizers.Optimizer:
    """Adam (arXiv 1412.6980) in the form of its section 2, last paragraph: epsilon after sqrt.

    The documents' TensorFlow program uses the same form and the same epsilon.
    """
    optimizer = keras.optimizers.Adam(learning_rate, beta_1, beta_2, epsilon)
    optimizer.build(trained)
    return optimizer


def update(
    optimizer: keras.optimizers.Optimizer,
    gradients: Sequence[tf.Tensor | None],
    trained: Sequence[tf.Variable],
) -> list[tf.Tensor]:
    """Apply one step; return the gradients that were applied.

    With several replicas the gradients are first averaged over them, so that a loss that is a mean
    over a replica's share acts as the mean over the whole batch.

    Raises:
      ValueError: a variable has no gradient. It is then outside the loss, or outside the tape:
        Keras would only warn, and the variable would silently never train.
    """
    missing = [v.name for v, g in zip(trained, gradients, strict=True) if g is None]
    if missing:
        raise ValueError(f"no gradient for {', '.join(missing)}: not part of this loss")
    gradients = replicas.mean_gradients(list(gradients))

    def apply(mean):
        optimizer.apply_gradients(zip(mean, trained, strict=True))

    if replicas.count() == 1 and tf.inside_function():
        # Keras writes Adam as a dozen passes over each weight. XLA makes one of them, which for
        # the 21 million weights of document 004's DCGAN is a third of the time.
        apply = tf.function(apply, jit_compile=True)
    apply(replicas.shares(gradients))
    return gradients
