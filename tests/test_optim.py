"""Optimizers: two steps against numbers worked out by hand, and lists of variables."""

import numpy as np
import pytest
import tensorflow as tf

from ganflow import optim

eager_and_graph = pytest.mark.parametrize(
    "compiled", [lambda f: f, tf.function], ids=["eager", "graph"]
)


def test_variables_keeps_the_order_of_the_dicts():
    a, b, c = (tf.Variable(1.0) for _ in range(3))
    listed = optim.variables({"b": b, "a": a}, {"c": c})
    assert [id(v) for v in listed] == [id(b), id(a), id(c)]


def test_variables_lists_a_shared_variable_once():
    shared, a, b = (tf.Variable(1.0) for _ in range(3))  # equal values, three identities
    listed = optim.variables({"shared": shared, "a": a}, {"b": b, "same": shared})
    assert [id(v) for v in listed] == [id(shared), id(a), id(b)]


def test_variables_leaves_out_what_is_not_trainable():
    weight, counter = tf.Variable(1.0), tf.Variable(1.0, trainable=False)
    assert [id(v) for v in optim.variables({"n": counter, "w": weight})] == [id(weight)]


@eager_and_graph
def test_two_steps_of_sgd(compiled):
    w = tf.Variable([1.0, -2.0])
    optimizer = optim.sgd(0.1, [w])
    step = compiled(lambda gradient: optim.update(optimizer, [gradient], [w]))
    (applied,) = step(tf.constant([0.5, -1.0]))
    np.testing.assert_array_equal(applied, [0.5, -1.0])
    np.testing.assert_allclose(w, [0.95, -1.9], rtol=1e-6)
    step(tf.constant([1.0, 1.0]))
    np.testing.assert_allclose(w, [0.85, -2.0], rtol=1e-6)


@eager_and_graph
def test_two_steps_of_adam_with_epsilon_after_the_root(compiled):
    # Rate 1, betas .9 and .999, and an epsilon of .1, large enough to show where it is added.
    # Gradient .5:  m = .05, v = .00025, alpha_1 = sqrt(1 - .999) / (1 - .9) = .31622777;
    #               w = 1 - alpha_1 m / (sqrt(v) + .1) = .86347281  (.83333 with m_hat, v_hat)
    # Gradient -1:  m = -.055, v = .00124975, alpha_2 = sqrt(1 - .999^2) / (1 - .81) = .23531669;
    #               w = .86347281 + .23531669 * .055 / (.03535180 + .1) = .95909340
    w = tf.Variable([1.0])
    optimizer = optim.adam(1.0, [w], epsilon=0.1)
    step = compiled(lambda gradient: optim.update(optimizer, [gradient], [w]))
    step(tf.constant([0.5]))
    np.testing.assert_allclose(w, [0.86347281], rtol=1e-5)
    step(tf.constant([-1.0]))
    np.testing.assert_allclose(w, [0.95909340], rtol=1e-5)


def test_adam_uses_the_betas_it_is_given():
    # beta_1 = 0: m = g; beta_2 = .75: v = .25 g^2, alpha = sqrt(.25) / 1; epsilon 0 but for
    # rounding: the step is .5 g / (.5 |g|) = sign(g). Second: v = .75 * 1 + .25 * 16 = 4.75,
    # alpha = sqrt(1 - .5625) = .66143783, so the step is .66143783 * 4 / 2.17944947 = 1.21395396.
    w = tf.Variable([0.0])
    optimizer = optim.adam(1.0, [w], beta_1=0.0, beta_2=0.75)
    optim.update(optimizer, [tf.constant([2.0])], [w])
    np.testing.assert_allclose(w, [-1.0], rtol=1e-6)
    optim.update(optimizer, [tf.constant([4.0])], [w])
    np.testing.assert_allclose(w, [-2.21395396], rtol=1e-6)


def test_slots_are_made_when_the_optimizer_is():
    w = tf.Variable([1.0, 2.0])
    slots = [tuple(v.shape) for v in optim.adam(1.0, [w]).variables]
    assert slots.count((2,)) == 2  # both moments


@eager_and_graph
def test_a_variable_without_a_gradient_is_an_error_that_names_it(compiled):
    inside, outside = tf.Variable(1.0, name="inside"), tf.Variable(1.0, name="outside")
    optimizer = optim.sgd(0.1, [inside, outside])

    @compiled
    def step():
        with tf.GradientTape() as tape:
            loss = tf.square(inside)
        trained = [inside, outside]
        optim.update(optimizer, tape.gradient(loss, trained), trained)

    with pytest.raises(ValueError, match="no gradient for outside:"):
        step()
    assert (inside.numpy(), outside.numpy()) == (1.0, 1.0)


def test_lists_of_different_lengths_are_refused():
    w = tf.Variable(1.0)
    with pytest.raises(ValueError, match="shorter"):
        optim.update(optim.sgd(0.1, [w]), [], [w])
