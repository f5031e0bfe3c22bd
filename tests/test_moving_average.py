"""The moving average of weights: its steps by hand, and putting it in the weights' place."""

import functools

import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import replicas
from ganflow.nn.moving_average import MovingAverage

every_mode = pytest.mark.parametrize(
    "compiled",
    [lambda f: f, tf.function, functools.partial(tf.function, jit_compile=True)],
    ids=["eager", "graph", "XLA"],
)


@pytest.fixture
def weights():
    w, b = tf.Variable([[1.0, 2.0]], name="w_0"), tf.Variable([-1.0], name="b_0")
    return [("generator/w_0", w), ("generator/b_0", b)]


def values(variables):
    return [v.numpy().copy() for v in variables]


@every_mode
def test_two_steps_by_hand(compiled, weights):
    average = MovingAverage(0.75, weights)
    (_, w), (_, b) = weights
    w_average, b_average = average.averages["generator/w_0"], average.averages["generator/b_0"]
    np.testing.assert_array_equal(w_average, [[1.0, 2.0]])  # it starts from the first weights
    update = compiled(average.update)
    w.assign([[5.0, 2.0]])
    update()  # .75 * 1 + .25 * 5
    np.testing.assert_array_equal(w_average, [[2.0, 2.0]])
    w.assign([[6.0, -6.0]])
    b.assign([3.0])
    update()  # .75 * 2 + .25 * 6, .75 * 2 - .25 * 6, -.75 + .75
    np.testing.assert_array_equal(w_average, [[3.0, 0.0]])
    np.testing.assert_array_equal(b_average, [0.0])
    np.testing.assert_array_equal(w, [[6.0, -6.0]])  # and the weights stand still


def test_a_decay_of_0_is_the_weights_themselves(weights):
    average = MovingAverage(0.0, weights)
    weights[0][1].assign([[0.1, -7.3]])
    average.update()
    np.testing.assert_array_equal(average.averages["generator/w_0"], weights[0][1])


def test_averages_are_not_trained_and_named_after_the_weights(weights):
    averages = MovingAverage(0.5, weights).averages
    assert list(averages) == ["generator/w_0", "generator/b_0"]
    assert [v.name for v in averages.values()] == ["ema/generator/w_0:0", "ema/generator/b_0:0"]
    assert not any(v.trainable for v in averages.values())


@pytest.fixture
def moved():
    """An average of random weights after a step: both hold numbers that no sum gives back."""
    rng = np.random.default_rng(0)
    named = [(name, tf.Variable(rng.standard_normal(100), dtype=tf.float32)) for name in "ab"]
    average = MovingAverage(0.9, named)
    for _, v in named:
        v.assign(rng.standard_normal(100).astype(np.float32))
    average.update()
    return average


def test_in_place_shows_the_averages_and_puts_the_weights_back_to_the_bit(moved):
    before, of_average = values(moved.weights), values(moved.averages.values())
    with moved.in_place():
        np.testing.assert_array_equal(values(moved.weights), of_average)
    np.testing.assert_array_equal(values(moved.weights), before)
    np.testing.assert_array_equal(values(moved.averages.values()), of_average)
    assert not np.array_equal(before, of_average)


def test_in_place_puts_the_weights_back_after_an_error(moved):
    before = values(moved.weights)
    with pytest.raises(ZeroDivisionError), moved.in_place():
        raise ZeroDivisionError
    np.testing.assert_array_equal(values(moved.weights), before)


def test_put_is_for_good(moved):
    of_average = values(moved.averages.values())
    moved.put()
    np.testing.assert_array_equal(values(moved.weights), of_average)


def test_start_again_takes_the_weights_as_they_are(moved):
    before = values(moved.weights)
    moved.start_again()
    np.testing.assert_array_equal(values(moved.averages.values()), before)
    np.testing.assert_array_equal(values(moved.weights), before)


def test_two_replicas_average_as_one_does(two_replicas):
    def after_two_steps(strategy):
        with strategy.scope():
            w = tf.Variable([1.0, -2.0], name="w")
            average = MovingAverage(0.9, [("w", w)])

        def step(batch):
            replicas.local(w).assign_add(replicas.mean(tf.reduce_mean(batch["x"], 0)))
            average.update()
            return tf.constant(0.0)

        batch = {"x": tf.constant([[1.0, 2.0], [3.0, 4.0]])}
        run = tf.function(lambda: replicas.run(strategy, step, batch))
        run(), run()
        return strategy, w, average

    _, _, one = after_two_steps(tf.distribute.get_strategy())
    strategy, w, two = after_two_steps(two_replicas)
    copies = strategy.experimental_local_results(two.averages["w"])
    assert len(copies) == 2
    for copy in copies:
        np.testing.assert_allclose(copy, one.averages["w"], rtol=1e-6)
    before = replicas.value_of(w).numpy()
    with two.in_place():
        for copy in strategy.experimental_local_results(w):
            np.testing.assert_allclose(copy, one.averages["w"], rtol=1e-6)
    for copy in strategy.experimental_local_results(w):
        np.testing.assert_array_equal(copy, before)
