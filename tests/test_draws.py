"""Random numbers and the order of the data: pure functions of (seed, step).

Statistical bounds are five standard deviations wide: one seed in two million would fail them.
"""

import math

import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import draws
from ganflow.nn.draws import Classes, Normal, Real, Uniform

DRAWS = {
    "one number": Uniform([]),
    "odd": Uniform([3]),
    "odd normal": Normal([5]),
    "normal pairs": Normal([2, 4], times=2),
    "large": Normal([300], times=3),
    "classes": Classes(10),
    "odd classes": Classes(3, [5], times=2),
}


def numbers(draw, stream="0/z", seed=0, step=0, count=1, n=7):
    return draws.random(draw, stream, seed, step, count, n).numpy()


# ---------------------------------------------------------------- random numbers


@pytest.mark.parametrize("case", DRAWS)
def test_a_steps_numbers_are_the_same_however_steps_are_cut_into_calls(case):
    draw = DRAWS[case]
    at_once = numbers(draw, step=5, count=3)
    one_by_one = [numbers(draw, step=step)[0] for step in (5, 6, 7)]
    np.testing.assert_array_equal(at_once, one_by_one)
    np.testing.assert_array_equal(at_once[1:], numbers(draw, step=6, count=2))


@pytest.mark.parametrize("case", DRAWS)
def test_a_compiled_call_draws_what_an_eager_one_does(case):
    draw = DRAWS[case]
    call = tf.function(lambda step: draws.random(draw, "0/z", 0, step, 2, 7))
    np.testing.assert_array_equal(call(tf.constant(5, tf.int64)), numbers(draw, step=5, count=2))


def test_steps_beyond_32_bits_are_steps_of_their_own():
    late = 2**32 + 5
    np.testing.assert_array_equal(
        numbers(Normal([3]), step=late, count=2)[1], numbers(Normal([3]), step=late + 1)[0]
    )
    assert not np.isin(numbers(Normal([3]), step=late), numbers(Normal([3]), step=5)).any()


def test_shape_and_type():
    values = numbers(Normal([2, 4], times=2), count=3, n=7)
    assert values.shape == (3, 14, 2, 4) and values.dtype == np.float32
    assert numbers(Uniform([])).shape == (1, 7)


def test_the_first_samples_do_not_depend_on_how_many_are_asked_for():
    few, many = numbers(Normal([3]), n=5), numbers(Normal([3]), n=500)
    np.testing.assert_array_equal(few[0], many[0, :5])


def test_no_number_comes_twice_within_a_call():
    values = numbers(Normal([10]), count=50, n=20)
    assert len(np.unique(values)) > 0.999 * values.size  # float32 has few enough to meet by chance


@pytest.mark.parametrize("draw", [Uniform([100]), Normal([100])])
@pytest.mark.parametrize(
    "other",
    [{"stream": "1/z"}, {"stream": "0/x"}, {"seed": 1}, {"seed": 2**40}, {"step": 1}],
    ids=str,
)
def test_streams_seeds_and_steps_are_independent(draw, other):
    a, b = numbers(draw, n=100).ravel(), numbers(draw, n=100, **other).ravel()
    assert abs(np.corrcoef(a, b)[0, 1]) < 5 / math.sqrt(len(a))


def test_neighbouring_numbers_are_independent():
    values = numbers(Normal([100]), n=100).ravel()
    for lag in (1, 2, 4):
        correlation = np.corrcoef(values[:-lag], values[lag:])[0, 1]
        assert abs(correlation) < 5 / math.sqrt(len(values))


def test_uniform_numbers_fill_their_range_evenly():
    values = numbers(Uniform([100], low=-3.0, high=1.0), n=1000).ravel()
    assert -3 <= values.min() < -2.99 and 0.99 < values.max() < 1
    counts, _ = np.histogram(values, bins=10, range=(-3, 1))  # 10,000 each, deviation 95
    assert np.abs(counts - 10_000).max() < 5 * math.sqrt(100_000 * 0.1 * 0.9)


def test_uniform_is_by_default_between_minus_1_and_1():
    values = numbers(Uniform([100]), n=100)
    assert -1 <= values.min() < -0.99 and 0.99 < values.max() < 1


@pytest.mark.parametrize("count", [2, 3, 10, 1000])
def test_classes_are_all_as_likely_and_none_lies_outside(count):
    values = numbers(Classes(count, [100]), n=1000)
    assert values.dtype == np.int32 and values.shape == (1, 1000, 100)
    assert values.min() == 0 and values.max() == count - 1
    counts, expected = np.bincount(values.ravel(), minlength=count), values.size / count
    assert np.abs(counts - expected).max() < 5 * math.sqrt(expected * (1 - 1 / count))


def test_a_single_class_is_0():
    np.testing.assert_array_equal(numbers(Classes(1, [4]), n=50), np.zeros([1, 50, 4]))


@pytest.mark.parametrize("other", [{"stream": "1/z"}, {"seed": 1}, {"step": 1}], ids=str)
def test_classes_of_other_streams_seeds_and_steps_agree_by_chance_alone(other):
    draw = Classes(10, [100])
    same = (numbers(draw, n=100) == numbers(draw, n=100, **other)).mean()
    assert abs(same - 0.1) < 5 * math.sqrt(0.1 * 0.9 / 10_000)


def test_classes_and_z_of_one_step_are_independent():
    z = numbers(Uniform([]), stream="0/z", n=10_000).ravel()
    classes = numbers(Classes(10), stream="0/label", n=10_000).ravel()
    assert abs(np.corrcoef(z, classes)[0, 1]) < 5 / math.sqrt(len(z))


def test_normal_numbers_have_the_moments_of_n_0_1():
    values = numbers(Normal([100]), n=1000).ravel().astype(np.float64)
    deviation = 5 / math.sqrt(len(values))
    assert abs(values.mean()) < deviation
    assert abs((values**2).mean() - 1) < deviation * math.sqrt(2)
    assert abs((values**3).mean()) < deviation * math.sqrt(15)
    assert abs((values**4).mean() - 3) < deviation * math.sqrt(96)


# ---------------------------------------------------------------- real examples


def test_a_real_draw_is_of_x_and_of_the_steps_first_batch_unless_told():
    assert Real() == Real("x", 0)
    assert len({Real("x"), Real("x", 1), Real("label"), Real("x")}) == 3


# ---------------------------------------------------------------- the order of the data


def epochs(size, count=1, seed=0, first=0):
    """The orders of `count` epochs: [count, size]."""
    return draws.order(size, seed, first * size, count * size).reshape(count, size)


def test_a_real_draw_gives_examples_as_they_are_or_what_is_made_of_them():
    x = tf.constant([[1.0, 2.0]])
    assert Real("x").of(x) is x
    np.testing.assert_array_equal(Real("x", through=lambda x: x[:, :1]).of(x), [[1.0]])


@pytest.mark.parametrize("size", [1, 2, 7, 50, 1000])
def test_every_example_is_seen_once_an_epoch(size):
    np.testing.assert_array_equal(np.sort(epochs(size, 3), axis=1), [np.arange(size)] * 3)


def test_epochs_and_seeds_have_orders_of_their_own():
    # Two permutations of 1,000 agree in one place on average; in 20, never.
    first = epochs(1000)[0]
    others = [epochs(1000, first=epoch)[0] for epoch in (1, 2, 256, 2**16, 2**31)]
    others += [epochs(1000, seed=seed)[0] for seed in (1, 256, 2**32, 2**40, 2**63 - 1)]
    for other in [np.arange(1000), *others]:
        assert np.count_nonzero(first == other) < 20


def test_a_seed_is_not_an_epoch():
    assert np.count_nonzero(epochs(1000, seed=1) == epochs(1000, first=1)) < 20


def test_no_place_in_an_epoch_prefers_an_example():
    # Over 2,000 epochs of 10 each example comes 200 times at each place, with a deviation of 13.4.
    orders = epochs(10, 2000)
    counts = np.array([np.bincount(place, minlength=10) for place in orders.T])
    assert np.abs(counts - 200).max() < 5 * math.sqrt(2000 * 0.1 * 0.9)


@pytest.mark.parametrize("cut", [1, 3, 7, 10, 25])
def test_the_order_is_the_same_however_it_is_cut_into_calls(cut):
    whole = draws.order(10, 0, 4, 50)
    parts = [draws.order(10, 0, 4 + i, min(cut, 50 - i)) for i in range(0, 50, cut)]
    np.testing.assert_array_equal(np.concatenate(parts), whole)


def test_an_order_that_was_kept_cannot_be_spoilt_by_its_reader():
    before = draws.order(10, 0, 0, 10).copy()
    taken = draws.order(10, 0, 0, 10)
    taken[:] = 0
    np.testing.assert_array_equal(draws.order(10, 0, 0, 10), before)
