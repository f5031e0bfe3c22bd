"""What networks start from: the limits and spreads of what is drawn, names and shapes.

Statistical bounds are five standard deviations wide or wider, and every seed is fixed.
"""

import math

import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import initializers

# (function, shape, limit, what more it is given)
LIMITS = {
    "uniform": (initializers.uniform, [30, 50], 0.005, {"limit": 0.005}),
    # sqrt(6 / (30 + 50)) and sqrt(6 / (5 * 5 * (3 + 7)))
    "glorot matrix": (initializers.glorot_uniform, [30, 50], 0.27386128, {}),
    "glorot kernel": (initializers.glorot_uniform, [5, 5, 3, 7], 0.15491933, {}),
    # sqrt(6 / 30), sqrt(6 / (5 * 5 * 3)) and sqrt(6 / 24)
    "he matrix": (initializers.he_uniform, [30, 50], 0.44721360, {}),
    "he kernel": (initializers.he_uniform, [5, 5, 3, 7], 0.28284271, {}),
    "torch": (initializers.torch_uniform, [30, 50], 0.1, {"inputs": 100}),
    "he with fan_in": (initializers.he_uniform, [5, 5, 3, 7], 0.5, {"fan_in": 24}),
}


@pytest.mark.parametrize("case", LIMITS)
def test_weights_fill_the_range_up_to_their_limit(case):
    make, shape, limit, more = LIMITS[case]
    w = make(np.random.default_rng(0), shape, name="w", **more)
    assert w.shape == shape and w.dtype == tf.float32 and w.trainable
    values = w.numpy().ravel()
    # Of 525 numbers or more one is beyond .95 of the limit, on either side, but for odds of 2e-6;
    # the mean is within five standard deviations.
    assert 0.95 * limit < values.max() <= limit * (1 + 1e-6)
    assert -limit * (1 + 1e-6) <= values.min() < -0.95 * limit
    assert abs(values.mean()) < 5 * limit / math.sqrt(3 * len(values))


def test_zeros():
    b = initializers.zeros([3], "b")
    np.testing.assert_array_equal(b, [0, 0, 0])
    assert b.trainable and b.dtype == tf.float32 and b.name.startswith("b")


@pytest.mark.parametrize("make", [initializers.glorot_uniform, initializers.he_uniform])
def test_one_seed_gives_the_same_weights_and_another_gives_others(make):
    first, again, other = (make(np.random.default_rng(s), [4, 4]).numpy() for s in (1, 1, 2))
    np.testing.assert_array_equal(first, again)
    assert not np.isin(first, other).any()


def test_the_generator_moves_on_from_weight_to_weight():
    rng = np.random.default_rng(0)
    first, second = (initializers.glorot_uniform(rng, [4, 4]).numpy() for _ in range(2))
    assert not np.isin(first, second).any()


def test_moving_statistics_are_not_trained():
    weights = initializers.batch_norm_weights(2, "norm")
    assert [name for name, v in weights.items() if v.trainable] == ["norm_gamma", "norm_beta"]


def test_gains_are_1_or_normal_about_1():
    plain = initializers.gain_and_shift(3, "norm")
    assert list(plain) == ["norm_gamma", "norm_beta"]
    np.testing.assert_array_equal(plain["norm_gamma"], [1, 1, 1])
    drawn = initializers.batch_norm_weights(10_000, "norm", np.random.default_rng(0), 0.02)
    assert list(drawn) == ["norm_gamma", "norm_beta", "norm_mean", "norm_variance"]
    gamma = drawn["norm_gamma"].numpy()
    assert gamma.mean() == pytest.approx(1, abs=0.001) and gamma.std() == pytest.approx(0.02, 0.05)
    for name, value in (("beta", 0), ("mean", 0), ("variance", 1)):
        assert (drawn[f"norm_{name}"].numpy() == value).all()


def test_normal_has_tails_beyond_two_standard_deviations():
    values = initializers.normal(np.random.default_rng(0), [400, 500], 0.02, mean=3.0).numpy()
    assert values.mean() == pytest.approx(3, abs=0.0003)
    assert values.std() == pytest.approx(0.02, rel=0.01)
    beyond = np.mean(np.abs(values - 3) > 0.04)
    assert beyond == pytest.approx(0.0455, rel=0.1)  # of a normal distribution
    assert values.dtype == np.float32


def test_he_normal_has_the_spread_of_what_a_unit_sees():
    rng = np.random.default_rng(0)
    # sqrt(2 / 300), sqrt(2 / (5 * 5 * 8)) and sqrt(2 / 50)
    for shape, more, std in (
        ([300, 500], {}, 0.08164966),
        ([5, 5, 8, 700], {}, 0.1),
        ([5, 5, 8, 700], {"fan_in": 50}, 0.2),
    ):
        values = initializers.he_normal(rng, shape, **more).numpy()
        assert values.std() == pytest.approx(std, rel=0.01)
        assert np.mean(np.abs(values) > 2 * std) == pytest.approx(0.0455, rel=0.1)  # its tails


def test_truncated_normal_keeps_within_two_standard_deviations():
    values = initializers.truncated_normal(np.random.default_rng(0), [400, 500], 0.02).numpy()
    assert np.abs(values).max() <= 0.04
    # A standard normal cut off at 2 has a standard deviation of .8796.
    assert values.std() == pytest.approx(0.8796 * 0.02, rel=0.01)
    assert abs(values.mean()) < 0.0002
    again = initializers.truncated_normal(np.random.default_rng(0), [400, 500], 0.02).numpy()
    np.testing.assert_array_equal(values, again)


# sqrt(2 / (300 + 500)) and sqrt(2 / (5 * 5 * (30 + 70))): what is cut at two of them
NORMALS = {"matrix": ([300, 500], 0.05), "kernel": ([5, 5, 30, 70], 0.02828427)}


@pytest.mark.parametrize("case", NORMALS)
def test_glorot_normal_is_cut_at_two_standard_deviations_and_not_widened_again(case):
    shape, std = NORMALS[case]
    w = initializers.glorot_normal(np.random.default_rng(0), shape, "w")
    assert w.shape == shape and w.dtype == tf.float32 and w.trainable
    values = w.numpy().ravel()
    # Of 50,000 numbers or more the largest are next to the limit, on either side.
    assert 1.99 * std < values.max() <= 2 * std * (1 + 1e-6)
    assert -2 * std * (1 + 1e-6) <= values.min() < -1.99 * std
    # A standard normal cut off at 2 has a standard deviation of .8796; Keras would make it 1 again.
    assert values.std() == pytest.approx(0.8796 * std, rel=0.02)
    assert abs(values.mean()) < 5 * std / math.sqrt(len(values))
    # It is a normal between the limits: 71.5 % of it lie within one standard deviation.
    assert (np.abs(values) < std).mean() == pytest.approx(0.7152, abs=0.01)


@pytest.mark.parametrize("shape", [[6, 4], [4, 6], [3, 3, 2, 5], [1, 1, 2, 5]], ids=str)
def test_orthogonal_weights_are_orthogonal_and_of_length_1(shape):
    w = initializers.orthogonal(np.random.default_rng(0), shape, "w")
    assert w.shape == shape and w.dtype == tf.float32 and w.trainable
    flat = w.numpy().reshape(-1, shape[-1])
    products = flat.T @ flat if len(flat) >= shape[-1] else flat @ flat.T
    np.testing.assert_allclose(products, np.eye(len(products)), atol=1e-6)


def test_orthogonal_weights_have_no_sign_that_comes_more_often():
    rng = np.random.default_rng(0)
    firsts = [initializers.orthogonal(rng, [3, 3]).numpy()[0, 0] for _ in range(400)]
    assert 150 < np.sum(np.array(firsts) > 0) < 250  # five standard deviations: QR's are all < 0


# ---------------------------------------------------------------- a stack of dense layers


def test_dense_weights_have_the_names_and_shapes_of_their_layers():
    weights = initializers.dense_weights(np.random.default_rng(0), [3, 5, 7, 2])
    expected = {"w_0": [3, 5], "b_0": [5], "w_1": [5, 7], "b_1": [7], "w_2": [7, 2], "b_2": [2]}
    assert {name: list(v.shape) for name, v in weights.items()} == expected
    assert list(weights) == list(expected)
    assert all(v.name == f"{name}:0" and v.trainable for name, v in weights.items())
    for name, v in weights.items():
        assert np.any(v.numpy()) == name.startswith("w_"), name  # biases start from 0


def test_dense_weights_can_be_numbered_as_document_004_does():
    weights = initializers.dense_weights(np.random.default_rng(0), (3, 5, 2), digits=4)
    assert list(weights) == ["w_0000", "b_0000", "w_0001", "b_0001"]
    assert [v.name for v in weights.values()] == [f"{name}:0" for name in weights]


def test_dense_weights_start_hidden_matrices_and_the_last_one_as_told():
    def constant(value):
        return lambda rng, shape, name: tf.Variable(tf.fill(shape, value), name=name)

    rng = np.random.default_rng(0)
    weights = initializers.dense_weights(rng, [2, 3, 4, 1], constant(1.0), constant(2.0))
    assert [float(weights[f"w_{i}"][0, 0]) for i in range(3)] == [1.0, 1.0, 2.0]


def test_dense_weights_are_glorot_uniform_unless_told_otherwise():
    weights = initializers.dense_weights(np.random.default_rng(0), [30, 50, 70])
    rng = np.random.default_rng(0)
    for name, shape in (("w_0", [30, 50]), ("w_1", [50, 70])):
        np.testing.assert_array_equal(weights[name], initializers.glorot_uniform(rng, shape))


def test_torch_dense_weights_start_with_their_biases_from_the_same_range():
    weights = initializers.torch_dense_weights(np.random.default_rng(0), [400, 900, 1])
    shapes = {name: tuple(v.shape) for name, v in weights.items()}
    assert shapes == {"w_0": (400, 900), "b_0": (900,), "w_1": (900, 1), "b_1": (1,)}
    for name, limit in (("w_0", 1 / 20), ("b_0", 1 / 20), ("w_1", 1 / 30)):
        largest = np.abs(weights[name]).max()
        assert 0.98 * limit < largest <= limit * (1 + 1e-6), name


def test_batch_norm_weights_start_as_no_change_at_all():
    weights = initializers.batch_norm_weights(3, "norm_1")
    start = {"gamma": 1.0, "beta": 0.0, "mean": 0.0, "variance": 1.0}
    assert list(weights) == [f"norm_1_{part}" for part in start]
    for part, value in start.items():
        np.testing.assert_array_equal(weights[f"norm_1_{part}"], [value] * 3)
