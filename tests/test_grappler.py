"""What two runs of the same commands would differ by, if TensorFlow had its way."""

import numpy as np
import pytest
import tensorflow as tf

from ganflow import data, engine, models
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


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dcgan_conditional", "infogan"])
def test_a_step_at_the_papers_size_is_the_same_to_the_bit_every_time(name, tmp_path):
    module = models.load(name)
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (200, 28, 28, 1), dtype=np.uint8)
    label = np.arange(200, dtype=np.int32) % 10
    dataset = data.Dataset("images", {"x": x, "label": label})
    run = engine.Run(module, module.Config(), engine.Options(workdir=str(tmp_path)), dataset)
    first = [v.numpy() for v in run.gan.variables]

    def after_a_step() -> bytes:
        for v, value in zip(run.gan.variables, first, strict=True):
            v.assign(value)
        run.calls[0](0, 1)
        return b"".join(v.numpy().tobytes() for v in run.gan.variables)

    once = after_a_step()
    assert all(after_a_step() == once for _ in range(7))
