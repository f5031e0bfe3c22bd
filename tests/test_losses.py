"""Losses and penalties against values and gradients worked out by hand.

Logits are 0 and +-ln 3, at which sigmoid is 1/2, 3/4 and 1/4, and softplus(a) = ln(1 + e^a) is

    softplus(-ln 3) = ln(4/3) = .28768207    softplus(0) = ln 2 = .69314718
    softplus(ln 3) = ln 4 = 1.38629436       d softplus(a) / da = sigmoid(a)
"""

import math

import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import losses

LN3 = math.log(3)
REAL = [LN3, 0.0]
FAKE = [-LN3, LN3]

eager_and_graph = pytest.mark.parametrize(
    "compiled", [lambda f: f, tf.function], ids=["eager", "graph"]
)


def value_and_gradients(compiled, loss, *inputs):
    @compiled
    def both(*inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            value = loss(*inputs)
        return value, tape.gradient(value, inputs)

    value, gradients = both(*[tf.constant(x, tf.float32) for x in inputs])
    assert value.shape == ()
    return value.numpy(), [g.numpy() for g in gradients]


def column(values):
    return [[v] for v in values]


# ---------------------------------------------------------------- losses


@eager_and_graph
def test_minimax_d_loss(compiled):
    # (ln 4/3 + ln 2) / 2 + (ln 4/3 + ln 4) / 2
    value, (d_real, d_fake) = value_and_gradients(compiled, losses.minimax_d_loss, REAL, FAKE)
    assert value == pytest.approx(1.32740284)
    # -(1 - sigmoid) / 2 on real logits, sigmoid / 2 on fake ones
    np.testing.assert_allclose(d_real, [-1 / 8, -1 / 4], rtol=1e-5)
    np.testing.assert_allclose(d_fake, [1 / 8, 3 / 8], rtol=1e-5)


@eager_and_graph
def test_non_saturating_g_loss(compiled):
    # (ln 4 + ln 4/3) / 2
    value, (gradient,) = value_and_gradients(compiled, losses.non_saturating_g_loss, FAKE)
    assert value == pytest.approx(0.83698822)
    # -(1 - sigmoid) / 2
    np.testing.assert_allclose(gradient, [-3 / 8, -1 / 8], rtol=1e-5)


@eager_and_graph
def test_matching_d_loss_counts_no_pair_that_is_right_after_all(compiled):
    # (ln 4/3 + ln 2) / 2 + ((ln 4) / 2 + (ln 4/3 + ln 4) / 2) / 2: of the wrong pairs the first
    # alone, over both
    value, (real, wrong, fake, _) = value_and_gradients(
        compiled,
        losses.matching_d_loss,
        column(REAL),
        column([LN3, 1000]),
        column(FAKE),
        column([1, 0]),
    )
    assert value == pytest.approx((0.28768207 + 0.69314718) / 2 + 1.38629436 / 4 + 0.83698822 / 2)
    np.testing.assert_allclose(real, column([-1 / 8, -1 / 4]), rtol=1e-5)
    np.testing.assert_allclose(wrong, column([3 / 16, 0]), rtol=1e-5)  # (3/4) / 2 / 2
    np.testing.assert_allclose(fake, column([1 / 16, 3 / 16]), rtol=1e-5)


@eager_and_graph
def test_colour_consistency_of_images_of_two_sizes(compiled):
    # A red and a black pixel: mean (.5, 0), covariance .25 for red; four pixels of (.25, 1): mean
    # (.25, 1), no covariance. 2 (1/16 + 1) + 3 (1/16).
    x = [[[[1.0, 0.0], [0.0, 0.0]]]]
    other = [[[[0.25, 1.0]] * 2] * 2]
    value, _ = value_and_gradients(
        compiled, lambda a, b: losses.colour_consistency(a, b, 2.0, 3.0), x, other
    )
    assert value == pytest.approx(2 * 17 / 16 + 3 / 16)
    same, _ = value_and_gradients(
        compiled, lambda a, b: losses.colour_consistency(a, b, 2.0, 3.0), x, np.repeat(x, 2, axis=1)
    )
    assert same == pytest.approx(0, abs=1e-12)


def test_colour_consistency_sees_how_colours_go_together():
    """Equal means and variances, and red with green or without: (2 covariances of 1/4)^2 each."""
    together = tf.constant([[[[1.0, 1.0], [0.0, 0.0]]]])
    apart = tf.constant([[[[1.0, 0.0], [0.0, 1.0]]]])
    assert float(losses.colour_consistency(together, apart, 1.0, 0.0)) == 0
    found = float(losses.colour_consistency(together, apart, 0.0, 1.0))
    assert found == pytest.approx(2 * 0.5**2)


@eager_and_graph
def test_binary_cross_entropy_with_one_soft_label_for_all(compiled):
    # (.9 ln 4/3 + .1 ln 4 + ln 2) / 2 = (.39754330 + .69314718) / 2
    value, (gradient,) = value_and_gradients(
        compiled, lambda a: losses.binary_cross_entropy(a, 0.9), REAL
    )
    assert value == pytest.approx(0.54534524)
    # (sigmoid - .9) / 2
    np.testing.assert_allclose(gradient, [-0.075, -0.2], rtol=1e-5)


@eager_and_graph
def test_binary_cross_entropy_with_a_label_an_example(compiled):
    # (ln 4/3 for label 1 + ln 2 for label 0) / 2
    value, (gradient,) = value_and_gradients(
        compiled, lambda a: losses.binary_cross_entropy(a, [1.0, 0.0]), REAL
    )
    assert value == pytest.approx(0.49041463)
    np.testing.assert_allclose(gradient, [-1 / 8, 1 / 4], rtol=1e-5)


@eager_and_graph
def test_least_squares(compiled):
    # ((3 - 1)^2 + (0 - 1)^2) / 2, and 2 (score - target) / 2
    value, (gradient,) = value_and_gradients(
        compiled, lambda scores: losses.least_squares(scores, 1.0), [3, 0]
    )
    assert value == 2.5
    np.testing.assert_array_equal(gradient, [2, -1])
    patches = tf.constant([3.0, 0.0, 1.0, 1.0], shape=[1, 2, 2, 1])  # a mean over all of them
    assert float(losses.least_squares(patches, 1.0)) == 1.25


@eager_and_graph
def test_wasserstein_losses(compiled):
    # mean of [2, -1] = .5, mean of [1, 4] = 2.5
    value, (d_real, d_fake) = value_and_gradients(
        compiled, losses.wasserstein_critic_loss, [1, 4], [2, -1]
    )
    assert value == -2
    np.testing.assert_array_equal(d_real, [-0.5, -0.5])
    np.testing.assert_array_equal(d_fake, [0.5, 0.5])
    value, (d_fake,) = value_and_gradients(compiled, losses.wasserstein_g_loss, [2, -1])
    assert value == -0.5
    np.testing.assert_array_equal(d_fake, [-0.5, -0.5])


@pytest.mark.parametrize(
    ("loss", "inputs"),
    [
        (losses.minimax_d_loss, (REAL, FAKE)),
        (losses.non_saturating_g_loss, (FAKE,)),
        (lambda a: losses.binary_cross_entropy(a, 0.9), (REAL,)),
        (losses.wasserstein_critic_loss, (REAL, FAKE)),
        (losses.wasserstein_g_loss, (FAKE,)),
    ],
    ids=["minimax", "non-saturating", "cross-entropy", "critic", "wasserstein-g"],
)
def test_a_column_of_logits_gives_what_a_vector_gives(loss, inputs):
    vector, _ = value_and_gradients(lambda f: f, loss, *inputs)
    matrix, _ = value_and_gradients(lambda f: f, loss, *map(column, inputs))
    assert vector == matrix


@eager_and_graph
def test_a_sure_and_wrong_discriminator_has_a_finite_loss_and_gradient(compiled):
    # sigmoid(-1000) is 0 in float32, whose log is -inf; softplus(1000) is 1000, of slope 1
    value, gradients = value_and_gradients(compiled, losses.minimax_d_loss, [-1000], [1000])
    assert value == 2000
    np.testing.assert_array_equal(gradients, [[-1], [1]])
    value, (gradient,) = value_and_gradients(compiled, losses.non_saturating_g_loss, [-1000])
    assert (value, gradient) == (1000, [-1])
    value, (gradient,) = value_and_gradients(
        compiled, lambda a: losses.binary_cross_entropy(a, 1.0), [-1000]
    )
    assert (value, gradient) == (1000, [-1])


# ---------------------------------------------------------------- the gradient penalty


def linear_critic(w):
    return lambda x: tf.reduce_sum(x * w, axis=range(1, len(x.shape)))


def half_square_critic(x):
    """D(x) = |x|^2 / 2, whose gradient is x itself: the penalty shows x_hat."""
    return tf.reduce_sum(tf.square(x), axis=range(1, len(x.shape))) / 2


# Each norm is 5, so the penalty of D(x) = w.x is (5 - 1)^2 = 16 wherever x_hat lies, and its
# gradient is 2 (5 - 1) w / 5 = 1.6 w. A norm over axis 1 only would be (1, 2), (2, 4) or so.
WEIGHTS = {
    "points": [3.0, 4.0],
    "images": [[[1.0], [2.0]], [[2.0], [4.0]]],
    "colour images": [[[1.0, 2.0], [2.0, 0.0]], [[0.0, 4.0], [0.0, 0.0]]],
}


@eager_and_graph
@pytest.mark.parametrize("shape", WEIGHTS)
def test_penalty_of_a_linear_critic_and_its_gradient(compiled, shape):
    w = np.array(WEIGHTS[shape], np.float32)
    rng = np.random.default_rng(0)
    real, fake = rng.standard_normal((2, 3, *w.shape)).astype(np.float32)
    epsilon = rng.random(3).astype(np.float32)

    value, (gradient,) = value_and_gradients(
        compiled,
        lambda w: losses.gradient_penalty(linear_critic(w), real, fake, epsilon),
        w,
    )
    assert value == pytest.approx(16, rel=1e-5)
    np.testing.assert_allclose(gradient, 1.6 * w, rtol=1e-5)


@pytest.mark.parametrize("critic_shape", [[-1], [-1, 1]], ids=["vector", "column"])
def test_penalty_takes_scores_of_either_shape(critic_shape):
    critic = linear_critic(tf.constant([3.0, 4.0]))
    x = tf.zeros([3, 2])
    penalty = losses.gradient_penalty(
        lambda x: tf.reshape(critic(x), critic_shape), x, x, tf.zeros([3])
    )
    assert penalty.numpy() == pytest.approx(16, rel=1e-5)


@eager_and_graph
@pytest.mark.parametrize("example_shape", [[2], [2, 1, 1], [1, 2, 1], [1, 1, 2]])
def test_one_epsilon_an_example(compiled, example_shape):
    # x_hat = .4 (3, 4) = (1.2, 1.6) of norm 2, and .5 (0, 2) = (0, 1) of norm 1, so the penalty
    # is ((2 - 1)^2 + 0) / 2. With as many examples as components, an epsilon laid along the
    # wrong axis would pass unseen but for its value.
    real = np.reshape([[3, 4], [0, 2]], [2, *example_shape])

    def penalty(real, epsilon):
        return losses.gradient_penalty(half_square_critic, real, 0 * real, epsilon)

    value, _ = value_and_gradients(compiled, penalty, real, [0.4, 0.5])
    assert value == pytest.approx(0.5, rel=1e-5)
    value, _ = value_and_gradients(compiled, penalty, real, column([0.4, 0.5]))
    assert value == pytest.approx(0.5, rel=1e-5)


@eager_and_graph
def test_epsilon_is_the_share_of_the_real_example(compiled):
    # .8 (3, 4) + .2 (6, 8) = (3.6, 4.8) of norm 6; the other way round it would be of norm 9
    value, _ = value_and_gradients(
        compiled,
        lambda real, fake: losses.gradient_penalty(
            half_square_critic, real, fake, tf.constant([0.8])
        ),
        [[3, 4]],
        [[6, 8]],
    )
    assert value == pytest.approx(25, rel=1e-5)


@eager_and_graph
def test_the_penalty_of_a_dead_critic_has_a_finite_gradient(compiled):
    # D = 0 x: the norm is 0, the penalty 1, and the square root's slope there is infinite.
    x = tf.ones([3, 2])
    value, (gradient,) = value_and_gradients(
        compiled,
        lambda w: losses.gradient_penalty(linear_critic(w), x, x, tf.zeros([3])),
        [0, 0],
    )
    assert value == pytest.approx(1, rel=1e-5)
    np.testing.assert_array_equal(gradient, [0, 0])


@eager_and_graph
def test_squared_error_is_a_mean_over_all_numbers(compiled):
    x, y = tf.constant([[1.0, 5.0], [0.0, 2.0]]), tf.constant([[0.0, 2.0], [0.0, 4.0]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        found = compiled(losses.squared_error)(x, y)
    assert float(found) == 3.5  # (1 + 9 + 0 + 4) / 4
    np.testing.assert_array_equal(tape.gradient(found, x), [[0.5, 1.5], [0, -1]])


@eager_and_graph
def test_feature_matching_compares_means_over_examples_layer_by_layer(compiled):
    # Means 2, 5 and 1, 1: (1 + 16) / 2. Means of the second layer's 2 x 1 maps: 3, 0 and 1, 4.
    real = [
        tf.constant([[1.0, 4.0], [3.0, 6.0]]),
        tf.constant([[[[2.0]], [[1.0]]], [[[4.0]], [[-1.0]]]]),
    ]
    fake = [
        tf.constant([[1.0, 0.0], [1.0, 2.0]]),
        tf.constant([[[[1.0]], [[5.0]]], [[[1.0]], [[3.0]]]]),
    ]
    with tf.GradientTape() as tape:
        tape.watch(fake)
        found = compiled(losses.feature_matching)(real, fake)
    assert float(found) == 8.5 + (4 + 16) / 2
    gradient = tape.gradient(found, fake)  # the same for every example: 2 (f - r) / units / n
    np.testing.assert_array_equal(gradient[0], [[-0.5, -2.0]] * 2)
    np.testing.assert_array_equal(gradient[1][:, :, 0, 0], [[-1, 2]] * 2)
    shuffled = [layer[::-1] for layer in real]  # which example is beside which does not matter
    assert float(losses.feature_matching(shuffled, fake)) == float(found)


def test_half_squares_have_the_weights_as_gradients():
    variables = [tf.Variable([3.0, -1.0]), tf.Variable([[2.0]])]
    with tf.GradientTape() as tape:
        found = losses.half_squares(variables)
    assert float(found) == 7  # (9 + 1 + 4) / 2
    for gradient, v in zip(tape.gradient(found, variables), variables, strict=True):
        np.testing.assert_array_equal(gradient, v)


def test_cross_entropy_of_probability_is_that_of_the_logit_until_d_is_sure():
    logits = tf.constant([LN3, -LN3])
    of_logits = losses.binary_cross_entropy(logits, 0.9)
    of_probability = losses.cross_entropy_of_probability(tf.sigmoid(logits), 0.9)
    # At 3/4 and 1/4: -(.9 ln 3/4 + .1 ln 1/4) and -(.9 ln 1/4 + .1 ln 3/4); mean .83698822
    np.testing.assert_allclose([of_logits, of_probability], [0.83698822] * 2, rtol=1e-6)
    sure = tf.constant([40.0])  # sigmoid rounds to 1
    assert np.isfinite(losses.binary_cross_entropy(sure, 0.0))
    assert not np.isfinite(losses.cross_entropy_of_probability(tf.sigmoid(sure), 0.0))


@eager_and_graph
def test_mean_probabilities_are_ds_mean_outputs(compiled):
    # sigmoid of ln 3, 0 is 3/4, 1/2; of -ln 3, ln 3 it is 1/4, 3/4
    found = compiled(losses.mean_probabilities)(tf.constant(REAL), tf.constant(FAKE))
    assert {name: float(value) for name, value in found.items()} == pytest.approx(
        {"d_real": 0.625, "d_fake": 0.5}
    )
    columns = losses.mean_probabilities(tf.constant(column(REAL)), tf.constant(column(FAKE)))
    assert {name: float(value) for name, value in columns.items()} == pytest.approx(
        {"d_real": 0.625, "d_fake": 0.5}
    )


def test_cross_entropy_of_probability_takes_a_label_an_example():
    # (-ln 3/4 for label 1 - ln 1/2 for label 0) / 2
    found = losses.cross_entropy_of_probability(tf.constant([0.75, 0.5]), [1.0, 0.0])
    assert float(found) == pytest.approx(0.49041463)
