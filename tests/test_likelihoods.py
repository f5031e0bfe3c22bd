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
