"""A learning rate on a line, and the Adam that follows it."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import optimizers, schedules

every_mode = pytest.mark.parametrize(
    "compiled",
    [lambda f: f, tf.function, functools.partial(tf.function, jit_compile=True)],
    ids=["eager", "graph", "XLA"],
)


@every_mode
def test_linear_is_flat_then_a_line_then_flat(compiled):
    at = compiled(schedules.linear(4.0, 1.0, first=10, last=16))
    steps = (0, 10, 11, 14, 16, 1000)
    found = [float(at(tf.constant(step, tf.int64))) for step in steps]
    np.testing.assert_allclose(found, [4.0, 4.0, 3.5, 2.0, 1.0, 1.0], rtol=1e-6)


def test_a_line_goes_forwards():
    with pytest.raises(ValueError, match="from t = 10 to t = 9"):
        schedules.linear(4.0, 1.0, first=10, last=9)


@every_mode
def test_scheduled_adam_takes_the_rate_of_the_updates_done_before(compiled):
    w = tf.Variable(0.0)
    rate = schedules.linear(1.0, 0.0, first=1, last=3)
    adam = optimizers.ScheduledAdam(rate, [w], beta_1=0.0, beta_2=0.75, epsilon=0.0)
    assert float(adam.learning_rate) == 1
    step = compiled(lambda: adam.update([tf.constant(-1.0)]))
    found, rates = [], []
    for _ in range(4):
        before = w.numpy()
        step()
        found.append(w.numpy() - before)
        rates.append(adam.learning_rate.numpy())
    # Of gradients that are all -1, m / sqrt(v) with both corrections is -1: the rate is the step.
    assert rates == [1.0, 1.0, 0.5, 0.0]
    np.testing.assert_allclose(found, rates, rtol=1e-6)
    assert int(adam.iterations) == 4
