"""Log-likelihoods against values worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import likelihoods

LN3 = math.log(3)


def test_categorical_is_the_log_of_one_softmax():
    # softmax of (ln 3, 0, 0) is (3/5, 1/5, 1/5); a softmax of that softmax would not be
    logits = tf.constant([[LN3, 0.0, 0.0]] * 2)
    found = likelihoods.categorical(logits, tf.constant([0, 2]))
    np.testing.assert_allclose(found, [math.log(3 / 5), math.log(1 / 5)], rtol=1e-6)


def test_categorical_is_finite_where_softmax_rounds_to_0():
    logits = tf.constant([[200.0, 0.0]])
    with tf.GradientTape() as tape:
        tape.watch(logits)
        found = likelihoods.categorical(logits, tf.constant([1]))
    assert float(found[0]) == -200
    np.testing.assert_allclose(tape.gradient(found, logits), [[-1.0, 1.0]])


def test_gaussian_sums_over_components():
    # At the mean: -log(2 pi) / 2 a component; 2 off with std 1: 2 less; with std 2: 1/2 + log 2
    at_mean = -0.5 * math.log(2 * math.pi)
    x = tf.constant([[1.0, 5.0], [1.0, 3.0]])
    found = likelihoods.gaussian(x, tf.constant([[1.0, 3.0]]))
    np.testing.assert_allclose(found, [2 * at_mean - 2, 2 * at_mean], rtol=1e-6)
    found = likelihoods.gaussian(x, tf.constant([[1.0, 3.0]]), 2.0)
    more = 2 * math.log(2)
    np.testing.assert_allclose(found, [2 * at_mean - more - 0.5, 2 * at_mean - more], rtol=1e-6)


def test_gaussian_is_a_density():
    x = np.linspace(-20, 20, 40_001, dtype=np.float32)[:, np.newaxis]
    for std in (0.5, 3.0):
        density = np.exp(likelihoods.gaussian(tf.constant(x), tf.constant([[0.3]]), std))
        assert density.sum() * 0.001 == pytest.approx(1, abs=1e-3)


def test_reparametrised_is_mean_plus_std_epsilon_and_the_divergence_is_a_mean():
    # of N(1, 2^2): (1 + 4 - 1) / 2 - ln 2; of N(0, 1): 0
    mean, log_std = tf.constant([[1.0, 0.0]]), tf.constant([[math.log(2), 0.0]])
    found, divergence = likelihoods.reparametrised(mean, log_std, tf.constant([[3.0, -1.0]]))
    np.testing.assert_allclose(found, [[7, -1]], rtol=1e-6)
    assert float(divergence) == pytest.approx((2 - math.log(2)) / 2)
    # Against log-likelihoods: E(log q - log p) over draws from q.
    epsilon = tf.constant(np.random.default_rng(0).standard_normal([200_000, 1]), tf.float32)
    draws = 1 + 2 * epsilon
    log_ratio = likelihoods.gaussian(draws, tf.ones([1]), 2.0) - likelihoods.gaussian(
        draws, tf.zeros([1])
    )
    assert float(tf.reduce_mean(log_ratio)) == pytest.approx(2 - math.log(2), rel=0.01)


def test_gradients_flow_through_a_reparametrised_draw():
    # d(mean + e^s epsilon) / ds = e^s epsilon; d divergence / ds = e^(2 s) - 1, here over 1 number
    mean, log_std = tf.constant([[0.5]]), tf.constant([[math.log(2)]])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([mean, log_std])
        found, divergence = likelihoods.reparametrised(mean, log_std, tf.constant([[3.0]]))
    of_draw, of_divergence = (tape.gradient(y, [mean, log_std]) for y in (found, divergence))
    np.testing.assert_allclose(np.ravel(of_draw), [1, 6], rtol=1e-6)
    np.testing.assert_allclose(np.ravel(of_divergence), [0.5, 3], rtol=1e-6)
