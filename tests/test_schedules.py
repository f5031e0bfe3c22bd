"""Schedules against numbers worked out by hand, and against double precision far out."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import schedules

every_mode = pytest.mark.parametrize(
    "compiled",
    [lambda f: f, tf.function, functools.partial(tf.function, jit_compile=True)],
    ids=["eager", "graph", "XLA"],
)


def values(schedule, ts):
    return [float(schedule(t)) for t in ts]


def test_exponential_by_hand():
    at = schedules.exponential(0.8, 2.0, 0.1)
    np.testing.assert_allclose(values(at, range(6)), [0.8, 0.4, 0.2, 0.1, 0.1, 0.1], rtol=1e-6)
    np.testing.assert_allclose(values(schedules.exponential(0.8, 1.0), [0, 9]), [0.8, 0.8])


@pytest.mark.parametrize("decay", [1.000004, 1.00004])
def test_exponential_is_exact_where_float32_cannot_hold_the_decay(decay):
    # 1.000004 becomes 1.00000405 in float32, and its power of 500,000 is off by 2.6 %.
    at, ts = schedules.exponential(0.1, decay, 1e-6), np.array([0, 1, 1_000, 125_000, 500_000])
    expected = np.maximum(0.1 / decay**ts, 1e-6)
    np.testing.assert_allclose(values(at, ts), expected, rtol=1e-5)
    assert float(at(10_000_000)) == pytest.approx(1e-6)


@every_mode
def test_dropping_is_level_and_then_a_tenth(compiled):
    at = compiled(schedules.dropping(0.5, after=3))
    found = [float(at(tf.constant(done, tf.int64))) for done in (0, 2, 3, 4, 1_000_000)]
    assert found == pytest.approx([0.5, 0.5, 0.05, 0.05, 0.05])
    assert values(schedules.dropping(0.5, 0, factor=0.5), [0, 9]) == [0.25, 0.25]


def test_linear_by_hand():
    at = schedules.linear(0.5, 0.7, first=100, last=300)
    np.testing.assert_allclose(
        values(at, [0, 100, 150, 200, 300, 9_999]), [0.5, 0.5, 0.55, 0.6, 0.7, 0.7], rtol=1e-6
    )
    down = schedules.linear(2e-4, 0.0, first=0, last=4)
    np.testing.assert_allclose(values(down, range(6)), np.array([4, 3, 2, 1, 0, 0]) * 5e-5)


@every_mode
def test_linear_is_flat_then_a_line_then_flat(compiled):
    at = compiled(schedules.linear(4.0, 1.0, first=10, last=16))
    steps = (0, 10, 11, 14, 16, 1000)
    found = [float(at(tf.constant(step, tf.int64))) for step in steps]
    np.testing.assert_allclose(found, [4.0, 4.0, 3.5, 2.0, 1.0, 1.0], rtol=1e-6)


@every_mode
def test_halving_every_so_often_down_to_the_lowest(compiled):
    at = compiled(schedules.halving(0.08, 3, 0.015))
    found = [float(at(tf.constant(done, tf.int64))) for done in range(0, 12)]
    assert found == pytest.approx([0.08] * 3 + [0.04] * 3 + [0.02] * 3 + [0.015] * 3)


def test_linear_from_the_first_step_is_kerass_polynomial_decay_of_power_1():
    ours = schedules.linear(0.3, 0.1, 0, 7)
    theirs = keras.optimizers.schedules.PolynomialDecay(0.3, 7, 0.1)
    np.testing.assert_allclose(
        values(ours, range(10)), [float(theirs(t)) for t in range(10)], rtol=1e-6
    )


@pytest.mark.parametrize("last", [3, 2])
def test_a_line_that_does_not_go_forwards_is_refused(last):
    with pytest.raises(ValueError, match=f"from t = 3 to t = {last}"):
        schedules.linear(0.0, 1.0, 3, last)


def test_they_take_an_optimizers_count():
    count = tf.Variable(2, dtype=tf.int64)
    for at in (schedules.exponential(0.8, 2.0), schedules.linear(0.0, 0.4, 0, 4)):
        assert at(count).dtype == tf.float32 and float(at(count)) == pytest.approx(0.2)
        assert float(tf.function(at, jit_compile=True)(count)) == pytest.approx(0.2)
