"""Numbers that change over a training."""

import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import optimizers, schedules


@pytest.mark.parametrize("compiled", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_linear_is_flat_then_a_line_then_flat(compiled):
    at = compiled(schedules.linear(4.0, 1.0, first=10, last=16))
    steps = (0, 10, 11, 14, 16, 1000)
    found = [float(at(tf.constant(step, tf.int64))) for step in steps]
    np.testing.assert_allclose(found, [4.0, 4.0, 3.5, 2.0, 1.0, 1.0], rtol=1e-6)


def test_linear_may_be_a_single_fall_and_goes_forwards():
    at = schedules.linear(4.0, 1.0, first=10, last=10)
    assert [float(at(step)) for step in (10, 11)] == [4.0, 1.0]
    with pytest.raises(ValueError, match="from step 10 back to step 9"):
        schedules.linear(4.0, 1.0, first=10, last=9)


@pytest.mark.parametrize("compiled", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_an_optimizer_follows_its_schedule(compiled):
    w = tf.Variable(0.0)
    optimizer = optimizers.SGD(9.0, [w])  # the schedule says what counts
    rate = schedules.linear(1.0, 0.0, first=1, last=3)

    @compiled
    def step():
        now = schedules.follow(optimizer, rate)
        optimizer.update([tf.constant(-1.0)])
        return now

    found = []
    for _ in range(4):
        before = w.numpy()
        now = step()
        assert w.numpy() - before == now.numpy() == optimizer.learning_rate.numpy()
        found.append(float(now))
    assert found == [1.0, 1.0, 0.5, 0.0]
