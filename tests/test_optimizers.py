"""Optimizers: two steps against numbers worked out by hand, twenty against Keras's, and the rest.

Every case runs op by op, in a `tf.function`, and in one that XLA compiles whole.
"""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import optimizers, schedules

MODES = {
    "eager": lambda f: f,
    "graph": tf.function,
    "XLA": functools.partial(tf.function, jit_compile=True),
}
every_mode = pytest.mark.parametrize("compiled", MODES.values(), ids=MODES)


# ---------------------------------------------------------------- lists of variables


def test_variables_keeps_the_order_of_the_dicts():
    a, b, c = (tf.Variable(1.0) for _ in range(3))
    listed = optimizers.variables({"b": b, "a": a}, {"c": c})
    assert [id(v) for v in listed] == [id(b), id(a), id(c)]


def test_variables_lists_a_shared_variable_once():
    shared, a, b = (tf.Variable(1.0) for _ in range(3))  # equal values, three identities
    listed = optimizers.variables({"shared": shared, "a": a}, {"b": b, "same": shared})
    assert [id(v) for v in listed] == [id(shared), id(a), id(b)]


def test_variables_leaves_out_what_is_not_trainable():
    weight, counter = tf.Variable(1.0), tf.Variable(1.0, trainable=False)
    assert [id(v) for v in optimizers.variables({"n": counter, "w": weight})] == [id(weight)]


# ---------------------------------------------------------------- two steps by hand

# Gradients .5, then -1, from w = 1.
#
# SGD, rate .1:                   1 - .05 = .95;  .95 + .1 = 1.05
# Momentum, rate .1, mu .5:       v = -.05, w = .95;  v = -.025 + .1 = .075, w = 1.025
# Adam, rate 1, betas .9 and .999, and an epsilon of .1, large enough to show where it is added:
#   m = .05, v = .00025, alpha_1 = sqrt(1 - .999) / (1 - .9) = .31622777;
#   w = 1 - alpha_1 m / (sqrt(v) + .1) = .86347281  (.83333 with m_hat, v_hat);
#   m = -.055, v = .00124975, alpha_2 = sqrt(1 - .999^2) / (1 - .81) = .23531669;
#   w = .86347281 + .23531669 * .055 / (.03535180 + .1) = .95909340
# Adam, rate 1, beta_1 0, beta_2 .75, epsilon 0: m = g; v = .0625, alpha_1 = .5, w = 1 - 1 = 0;
#   v = .046875 + .25 = .296875, alpha_2 = sqrt(1 - .5625) = .66143783;
#   w = .66143783 / .54486237 = 1.21395396
# RMSProp, rate .1, rho .5, epsilon .01, large enough to show that it is inside the root:
#   s = .125, w = 1 - .05 / sqrt(.135) = .86391724;
#   s = .0625 + .5 = .5625, w = .86391724 + .1 / sqrt(.5725) = .99608043
# RMSProp, epsilon beside the root: w = 1 - .05 / (.35355339 + .01) = .86246860;
#   w = .86246860 + .1 / (.75 + .01) = .99404755
TWO_STEPS = {
    "SGD": (optimizers.SGD, {"learning_rate": 0.1}, [0.95, 1.05]),
    "Momentum": (optimizers.Momentum, {"learning_rate": 0.1, "mu": 0.5}, [0.95, 1.025]),
    "Adam": (optimizers.Adam, {"learning_rate": 1.0, "epsilon": 0.1}, [0.86347281, 0.95909340]),
    "Adam, betas": (
        optimizers.Adam,
        {"learning_rate": 1.0, "beta_1": 0.0, "beta_2": 0.75, "epsilon": 0.0},
        [0.0, 1.21395396],
    ),
    "RMSProp": (
        optimizers.RMSProp,
        {"learning_rate": 0.1, "rho": 0.5, "epsilon": 0.01},
        [0.86391724, 0.99608043],
    ),
    "RMSProp, PyTorch's": (
        optimizers.RMSProp,
        {"learning_rate": 0.1, "rho": 0.5, "epsilon": 0.01, "in_root": False},
        [0.86246860, 0.99404755],
    ),
}


@every_mode
@pytest.mark.parametrize("case", TWO_STEPS)
def test_two_steps_by_hand(compiled, case):
    make, settings, (first, second) = TWO_STEPS[case]
    w = tf.Variable([1.0])
    optimizer = make(trained=[w], **settings)
    step = compiled(lambda gradient: optimizer.update([gradient]))
    step(tf.constant([0.5]))
    np.testing.assert_allclose(w, [first], rtol=1e-5, atol=1e-7)
    step(tf.constant([-1.0]))
    np.testing.assert_allclose(w, [second], rtol=1e-5, atol=1e-7)
    assert optimizer.iterations.numpy() == 2


def test_the_rules_are_functions_of_numbers():
    """The same first steps, of the rules alone: new weight, and new slots."""
    assert optimizers.sgd(1.0, 0.5, 0.1) == pytest.approx(0.95)
    assert optimizers.momentum(1.0, 0.2, 0.5, 0.1, 0.5) == pytest.approx((1.05, 0.05))
    found = optimizers.adam(1.0, 0.0, 0.0, 0.5, 1.0, 1.0, 0.9, 0.999, 0.1)
    assert [float(x) for x in found] == pytest.approx([0.86347281, 0.05, 0.00025], rel=1e-4)
    found = optimizers.rms_prop(1.0, 0.0, 0.5, 0.1, 0.5, 0.01)
    assert [float(x) for x in found] == pytest.approx([0.86391724, 0.125])
    found = optimizers.rms_prop(1.0, 0.0, 0.5, 0.1, 0.5, 0.01, in_root=False)
    assert [float(x) for x in found] == pytest.approx([0.86246860, 0.125])


# ---------------------------------------------------------------- beside the rules


@every_mode
def test_weights_are_clipped_to_both_sides_of_0(compiled):
    a, b = tf.Variable([-2.0, -0.1, 0.0, 0.3]), tf.Variable([[5.0]])
    compiled(lambda: optimizers.clip_weights([a, b], 0.25))()
    np.testing.assert_array_equal(a, tf.constant([-0.25, -0.1, 0.0, 0.25]))
    np.testing.assert_array_equal(b, [[0.25]])


# ---------------------------------------------------------------- twenty steps of Keras's

# ours, Keras's, and its slots by the names of ours
KERAS = {
    "SGD": (
        lambda trained: optimizers.SGD(0.1, trained),
        lambda: keras.optimizers.SGD(0.1),
        {},
    ),
    "Momentum": (
        lambda trained: optimizers.Momentum(0.1, trained, 0.8),
        lambda: keras.optimizers.SGD(0.1, momentum=0.8),
        {"momentum_v": "momentums"},
    ),
    "Adam": (
        lambda trained: optimizers.Adam(0.01, trained, 0.5, 0.9, 1e-7),
        lambda: keras.optimizers.Adam(0.01, beta_1=0.5, beta_2=0.9, epsilon=1e-7),
        {"adam_m": "_momentums", "adam_v": "_velocities"},
    ),
    "RMSProp": (
        lambda trained: optimizers.RMSProp(0.01, trained),
        lambda: keras.optimizers.RMSprop(0.01),
        {"rms_prop_s": "_velocities"},
    ),
}


@every_mode
@pytest.mark.parametrize("case", KERAS)
def test_twenty_steps_are_those_of_keras(compiled, case):
    make_ours, make_theirs, slots = KERAS[case]
    rng = np.random.default_rng(0)
    first = [rng.standard_normal(shape).astype(np.float32) for shape in ([5, 3], [3])]
    ours = [tf.Variable(value, name=name) for value, name in zip(first, "wb", strict=True)]
    theirs = [keras.Variable(value) for value in first]
    optimizer, of_keras = make_ours(ours), make_theirs()
    step = compiled(lambda *gradients: optimizer.update(gradients))
    for number in range(20):
        # Some gradients are tiny: there epsilon, and where it stands, decide.
        scale = 1e-7 if number < 5 else 1.0
        gradients = [
            tf.constant(scale * rng.standard_normal(v.shape), dtype=tf.float32) for v in ours
        ]
        step(*gradients)
        of_keras.apply(gradients, theirs)
        for a, b in zip(ours, theirs, strict=True):
            np.testing.assert_allclose(a, b.numpy(), rtol=2e-5, atol=2e-6, err_msg=f"step {number}")
    for name, of in slots.items():
        for a, b in zip(getattr(optimizer, name).values(), getattr(of_keras, of), strict=True):
            np.testing.assert_allclose(a, b.numpy(), rtol=2e-5, atol=1e-7, err_msg=name)
    assert optimizer.iterations.numpy() == of_keras.iterations.numpy() == 20


def test_defaults_are_the_papers_and_keras():
    adam, rms_prop = optimizers.Adam(1.0, []), optimizers.RMSProp(1.0, [])
    assert (adam.beta_1, adam.beta_2, adam.epsilon) == (0.9, 0.999, 1e-8)
    assert (rms_prop.rho, rms_prop.epsilon, rms_prop.in_root) == (0.9, 1e-7, True)
    assert optimizers.Momentum(1.0, []).mu == 0.9


# ---------------------------------------------------------------- slots


SLOTS = {
    "SGD": [],
    "Momentum": ["momentum_v"],
    "Adam": ["adam_m", "adam_v"],
    "RMSProp": ["rms_prop_s"],
}


@pytest.mark.parametrize("rule", SLOTS)
def test_slots_are_named_variables_made_with_the_optimizer(rule, tmp_path):
    w, b = tf.Variable(tf.ones([2, 3]), name="w_0000"), tf.Variable(tf.ones([3]), name="b_0000")
    optimizer = getattr(optimizers, rule)(0.1, [w, b])
    path = tf.train.Checkpoint(optimizer=optimizer).write(str(tmp_path / "checkpoint"))
    found = {
        name.partition("/.ATTRIBUTES")[0]: shape
        for name, shape in tf.train.list_variables(path)
        if name.startswith("optimizer/") and not name.startswith("optimizer/trained/")
    }
    expected = {"optimizer/learning_rate": [], "optimizer/iterations": []}
    for slot in SLOTS[rule]:
        expected[f"optimizer/{slot}/w_0000"], expected[f"optimizer/{slot}/b_0000"] = [2, 3], [3]
    assert found == expected
    for slot in SLOTS[rule]:
        variable = getattr(optimizer, slot)["w_0000"]
        assert variable.name == f"{slot}/w_0000:0" and not variable.trainable
        np.testing.assert_array_equal(variable, tf.zeros([2, 3]))


def test_two_networks_with_equal_names_have_slots_of_their_own():
    a, b = (tf.Variable([1.0], name="w_0000") for _ in range(2))
    optimizer = optimizers.Adam(0.1, [a, b])
    optimizer.update([tf.constant([1.0]), tf.constant([-2.0])])
    np.testing.assert_allclose([*optimizer.adam_m.values()], [[0.1], [-0.2]], rtol=1e-6)
    np.testing.assert_allclose([a, b], [[0.9], [1.1]], rtol=1e-6)
    assert list(optimizer.adam_m) == ["w_0000", "w_0000_1"]


def test_a_name_made_for_one_of_two_is_never_anothers():
    trained = [tf.Variable([1.0], name=name) for name in ("w_0", "w_0_2", "w_0")]
    optimizer = optimizers.Adam(0.1, trained)
    assert len(optimizer.adam_m) == 3
    optimizer.update([tf.constant([g]) for g in (1.0, 2.0, 3.0)])
    np.testing.assert_allclose([*optimizer.adam_m.values()], [[0.1], [0.2], [0.3]], rtol=1e-6)


def test_a_learning_rate_can_be_changed_under_way():
    w = tf.Variable([1.0])
    optimizer = optimizers.SGD(0.1, [w])
    step = tf.function(lambda: optimizer.update([tf.constant([1.0])]))
    step()
    optimizer.learning_rate.assign(0.5)
    step()
    np.testing.assert_allclose(w, [0.4], rtol=1e-6)


# ---------------------------------------------------------------- rates that change under way


def halving(trained, floor=0.0):
    """Rates .1, .05, .025, ... and mu .5, .6, .7, .7, ..."""
    rate, mu = schedules.exponential(0.1, 2.0, floor), schedules.linear(0.5, 0.7, 0, 2)
    return optimizers.Momentum(rate, trained, mu)


@every_mode
def test_scheduled_momentum_by_hand(compiled):
    # Gradients 1: v = -.1, w = .9;  v = .6 (-.1) - .05 = -.11, w = .79;
    # v = .7 (-.11) - .025 = -.102, w = .688;  v = .7 (-.102) - .0125 = -.0839, w = .6041
    w = tf.Variable([1.0])
    optimizer = halving([w])
    step = compiled(lambda: optimizer.update([tf.constant([1.0])]))
    for rate, mu, expected in (
        (0.1, 0.5, 0.9), (0.05, 0.6, 0.79), (0.025, 0.7, 0.688), (0.0125, 0.7, 0.6041),
    ):  # fmt: skip
        step()
        np.testing.assert_allclose(w, [expected], rtol=1e-6)
        np.testing.assert_allclose(optimizer.learning_rate, rate, rtol=1e-6)
        np.testing.assert_allclose(optimizer.mu, mu, rtol=1e-6)


def test_scheduled_momentum_is_kerass_sgd_with_its_rate_and_momentum_set_at_every_update():
    rng = np.random.default_rng(0)
    first = rng.standard_normal([5, 3]).astype(np.float32)
    ours, theirs = tf.Variable(first), keras.Variable(first)
    rate = keras.optimizers.schedules.ExponentialDecay(0.1, 1, 0.9)
    optimizer = optimizers.Momentum(
        schedules.exponential(0.1, 1 / 0.9), [ours], schedules.linear(0.5, 0.7, 0, 10)
    )
    of_keras = keras.optimizers.SGD(rate, momentum=0.5)
    for t in range(20):
        gradient = tf.constant(rng.standard_normal([5, 3]), tf.float32)
        of_keras.momentum = 0.5 + 0.02 * min(t, 10)
        optimizer.update([gradient])
        of_keras.apply([gradient], [theirs])
        np.testing.assert_allclose(ours, theirs.numpy(), rtol=2e-5, atol=2e-6, err_msg=f"{t}")


def test_scheduled_momentum_goes_on_from_a_checkpoint(tmp_path):
    w = tf.Variable([1.0], name="w")
    optimizer = halving([w])
    state = tf.train.Checkpoint(w=w, optimizer=optimizer)
    optimizer.update([tf.constant([1.0])])
    path = state.write(str(tmp_path / "checkpoint"))
    names = {name for name, _ in tf.train.list_variables(path)}
    for name in ("learning_rate", "mu", "iterations", "momentum_v/w"):
        assert f"optimizer/{name}/.ATTRIBUTES/VARIABLE_VALUE" in names
    optimizer.update([tf.constant([1.0])])
    expected = w.numpy()
    optimizer.update([tf.constant([1.0])])
    state.read(path).assert_existing_objects_matched()
    optimizer.update([tf.constant([1.0])])
    np.testing.assert_array_equal(w, expected)


@every_mode
def test_adam_takes_the_rate_of_the_updates_done_before(compiled):
    w = tf.Variable(0.0)
    rate = schedules.linear(1.0, 0.0, first=1, last=3)
    adam = optimizers.Adam(rate, [w], beta_1=0.0, beta_2=0.75, epsilon=0.0)
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


# ---------------------------------------------------------------- what is refused


@every_mode
@pytest.mark.parametrize("rule", SLOTS)
def test_a_variable_without_a_gradient_is_an_error_that_names_it(compiled, rule):
    inside, outside = tf.Variable(1.0, name="inside"), tf.Variable(1.0, name="outside")
    optimizer = getattr(optimizers, rule)(0.1, [inside, outside])

    @compiled
    def step():
        with tf.GradientTape() as tape:
            loss = tf.square(inside)
        optimizer.update(tape.gradient(loss, [inside, outside]))

    with pytest.raises(ValueError, match="no gradient for outside:0: not part of this loss"):
        step()
    assert (inside.numpy(), outside.numpy()) == (1.0, 1.0)
    assert optimizer.iterations.numpy() == 0


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        optimizers.SGD(0.1, [tf.Variable(1.0)]).update([])


# ---------------------------------------------------------------- what an update was given


@every_mode
def test_recorded_updates_lists_each_with_its_gradients_and_label(compiled):
    w = tf.Variable([1.0, 2.0], name="w")
    d_optimizer, g_optimizer = optimizers.SGD(0.1, [w]), optimizers.Adam(0.1, [w])
    seen = []

    @compiled
    def step():
        with optimizers.recorded_updates() as rows:
            d_optimizer.update([tf.constant([1.0, 1.0])], "real")
            d_optimizer.update([tf.constant([2.0, 2.0])], "fake")
            g_optimizer.update([tf.constant([3.0, 3.0])])
        seen.append([(row.optimizer, row.label) for row in rows])
        return [row.gradients for row in rows]

    gradients = step()
    assert seen[0] == [(d_optimizer, "real"), (d_optimizer, "fake"), (g_optimizer, "")]
    np.testing.assert_array_equal(gradients, [[[1, 1]], [[2, 2]], [[3, 3]]])


def test_nothing_is_recorded_after_the_block_even_when_it_fails():
    optimizer = optimizers.SGD(0.1, [tf.Variable([1.0])])
    with pytest.raises(ZeroDivisionError), optimizers.recorded_updates() as rows:
        optimizer.update([tf.constant([1.0])])
        raise ZeroDivisionError
    optimizer.update([tf.constant([1.0])])
    assert len(rows) == 1


def test_within_another_recording_rows_go_to_the_inner_one_alone():
    optimizer = optimizers.SGD(0.1, [tf.Variable([1.0])])
    with optimizers.recorded_updates() as outer:
        optimizer.update([tf.constant([1.0])], "a")
        with optimizers.recorded_updates() as inner:
            optimizer.update([tf.constant([1.0])], "b")
        optimizer.update([tf.constant([1.0])], "c")
    assert [row.label for row in outer] == ["a", "c"] and [row.label for row in inner] == ["b"]


@every_mode
def test_what_is_only_recorded_moves_nothing_also_not_within_another_record(compiled):
    w = tf.Variable([1.0, 2.0], name="w")
    optimizer = optimizers.Adam(0.1, [w])
    before = [v.numpy() for v in optimizer.variables]

    @compiled
    def step():
        with optimizers.recorded_updates(only=True) as rows:
            optimizer.update([tf.constant([3.0, 4.0])], "one")
            with optimizers.recorded_updates():
                optimizer.update([tf.constant([5.0, 6.0])], "inner")
        return [row.gradients[0] for row in rows]

    np.testing.assert_array_equal(step(), [[3.0, 4.0]])
    for v, value in zip(optimizer.variables, before, strict=True):
        np.testing.assert_array_equal(v, value)
    optimizer.update([tf.constant([3.0, 4.0])])  # and after it, it moves again
    assert w.numpy()[0] < 1.0


@every_mode
def test_a_rate_that_varies_can_be_multiplied_under_way(compiled):
    w, factor = tf.Variable([1.0], name="w"), tf.Variable(1.0)
    optimizer = optimizers.SGD(schedules.halving(1.0, every=1, lowest=0.0), [w])
    optimizer.multiply_rate(factor)
    step = compiled(lambda: optimizer.update([tf.constant([1.0])]))
    step()  # at rate 1
    factor.assign(0.5)
    step()  # at half of a half
    np.testing.assert_allclose(w, [1.0 - 1.0 - 0.25])
    np.testing.assert_allclose(optimizer.learning_rate, 0.25)
    with pytest.raises(ValueError, match="assign it"):
        optimizers.SGD(0.1, [w]).multiply_rate(factor)
