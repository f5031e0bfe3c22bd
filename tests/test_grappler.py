"""What two runs of the same commands would differ by, if TensorFlow had its way."""

import numpy as np
import tensorflow as tf

from ganflow.base import grappler

SIZE = 8_000_000  # numbers: with some ten tensors of them a function needs 320 MB


def _gradient_of_many_terms() -> set[bytes]:
    """Of a function whose gradient is a sum of four, some of which take longer than others."""
    x = tf.Variable(np.random.default_rng(0).normal(size=SIZE).astype(np.float32))

    @tf.function
    def gradient():
        with tf.GradientTape() as tape:
            terms = (tf.sin(x), tf.exp(tf.tanh(x)), tf.math.softplus(x), x * 1e-3)
            loss = tf.add_n([tf.reduce_sum(term) for term in terms])
        return tape.gradient(loss, x)

    return {gradient().numpy().tobytes() for _ in range(10)}


def test_a_sum_of_large_gradients_is_the_same_to_the_bit_every_time():
    grappler.set_up()
    assert len(_gradient_of_many_terms()) == 1
