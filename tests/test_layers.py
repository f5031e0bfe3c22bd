"""Layers against values worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import initializers, layers

NINE = np.arange(1, 10, dtype=np.float32).reshape(1, 3, 3, 1)


# ---------------------------------------------------------------- applying weights


def test_linear():
    x = tf.constant([[1.0, 2.0], [0.0, -1.0]])
    w = tf.constant([[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]])
    b = tf.constant([10.0, 20.0, 30.0])
    np.testing.assert_array_equal(layers.linear(x, w, b), [[19, 32, 45], [6, 15, 24]])


def test_conv_pads_with_zeros_and_adds_the_bias():
    # Sums of 3 x 3 blocks of 1..9: the middle is 45, a corner 1 + 2 + 4 + 5.
    y = layers.conv(NINE, tf.ones([3, 3, 1, 1]), tf.constant([100.0]))
    np.testing.assert_array_equal(
        y[0, :, :, 0], [[112, 121, 116], [127, 145, 133], [124, 139, 128]]
    )


def test_conv_does_not_flip_the_kernel():
    # Only the kernel's upper left corner is 1: every pixel takes its upper left neighbour.
    kernel = np.zeros([3, 3, 1, 1], np.float32)
    kernel[0, 0] = 1
    y = layers.conv(NINE, kernel, tf.zeros([1]))
    np.testing.assert_array_equal(y[0, :, :, 0], [[0, 0, 0], [0, 1, 2], [0, 4, 5]])


def test_conv_of_a_1_by_1_kernel_is_linear_in_every_pixel():
    x = np.arange(12, dtype=np.float32).reshape(1, 2, 3, 2)
    w, b = np.float32([[1, 2, 3], [4, 5, 6]]), np.float32([1, 0, -1])
    y = layers.conv(x, w[np.newaxis, np.newaxis], b)
    np.testing.assert_array_equal(y, x @ w + b)


def test_conv_with_stride_2_takes_every_second_pixel_and_rounds_sizes_up():
    kernel = np.ones([1, 1, 1, 1], np.float32)
    y = layers.conv(NINE, kernel, tf.zeros([1]), stride=2)
    np.testing.assert_array_equal(y[0, :, :, 0], [[1, 3], [7, 9]])
    for size, halved in [(28, 14), (14, 7), (7, 4)]:
        x = tf.zeros([1, size, size + 1, 1])
        y = layers.conv(x, tf.zeros([5, 5, 1, 3]), tf.zeros([3]), stride=2)
        assert y.shape == [1, halved, (size + 2) // 2, 3]


@pytest.mark.parametrize("stride", [1, 2])
def test_deconv_is_the_adjoint_of_conv(stride):
    # <conv(x), y> = <x, deconv(y)> for all x and y, without biases; 5e-4 of some 800 is float32.
    rng = np.random.default_rng(0)
    x = rng.standard_normal((2, 6, 8, 3)).astype(np.float32)
    y = rng.standard_normal((2, 6 // stride, 8 // stride, 4)).astype(np.float32)
    w = rng.standard_normal((5, 5, 3, 4)).astype(np.float32)
    forward = layers.conv(x, w, tf.zeros([4]), stride=stride)
    backward = layers.deconv(y, w, tf.zeros([3]), stride=stride)
    assert backward.shape == x.shape
    assert np.vdot(forward, y) == pytest.approx(np.vdot(x, backward), rel=1e-4, abs=5e-4)


def test_deconv_doubles_the_size_and_adds_the_bias():
    # A 2 x 2 kernel at stride 2 paints every pixel's block, without overlap.
    kernel = np.float32([[1, 2], [3, 4]]).reshape(2, 2, 1, 1)
    y = layers.deconv(np.float32([[1, 10]]).reshape(1, 1, 2, 1), kernel, tf.constant([0.5]))
    np.testing.assert_array_equal(y[0, :, :, 0], [[1.5, 2.5, 10.5, 20.5], [3.5, 4.5, 30.5, 40.5]])


def test_conv_with_a_padding_of_its_own():
    kernel = np.ones([3, 3, 1, 1], np.float32)
    y = layers.conv(NINE, kernel, padding=0)  # only where the kernel lies within
    np.testing.assert_array_equal(y[0, :, :, 0], [[45]])
    y = layers.conv(NINE, kernel, stride=2, padding=2)  # of 7 x 7: at 0, 2 and 4
    np.testing.assert_array_equal(y[0, :, :, 0], [[1, 6, 3], [12, 45, 18], [7, 24, 9]])


@pytest.mark.parametrize(
    "side, kernel, stride, padding", [(1, 4, 1, 0), (4, 3, 2, 1), (5, 6, 1, 1)]
)
def test_deconv_with_a_padding_is_the_adjoint_of_that_conv(side, kernel, stride, padding):
    rng = np.random.default_rng(0)
    sides = stride * (side - 1) + kernel - 2 * padding  # 4, 7 and 8
    x = rng.standard_normal((2, sides, sides, 3)).astype(np.float32)
    y = rng.standard_normal((2, side, side, 4)).astype(np.float32)
    w = rng.standard_normal((kernel, kernel, 3, 4)).astype(np.float32)
    forward = layers.conv(x, w, stride=stride, padding=padding)
    backward = layers.deconv(y, w, tf.zeros([3]), stride=stride, padding=padding)
    assert backward.shape == x.shape and forward.shape == y.shape
    assert np.vdot(forward, y) == pytest.approx(np.vdot(x, backward), rel=1e-4, abs=5e-4)


def test_deconv_with_an_output_padding_doubles_the_size_where_the_zeros_are_on_both_sides():
    # Pixel i is painted onto 2 i - 1 to 2 i + 1: what would lie at -1 is cut off.
    kernel = (
        np.float32([1, 10, 100]).reshape(1, 3, 1, 1) * np.float32([0, 1, 0])[:, None, None, None]
    )
    x = np.float32([[1, 2, 3]]).reshape(1, 1, 3, 1)
    y = layers.deconv(x, kernel, padding=1, output_padding=1)
    np.testing.assert_array_equal(y[0, :, :, 0], [[10, 102, 20, 203, 30, 300], [0] * 6])
    kept = layers.conv(y, kernel, stride=2, padding=1)  # back on the three
    assert kept.shape == x.shape


def test_reflect_mirrors_at_the_outermost_pixels():
    y = layers.reflect(NINE, 2)[0, :, :, 0]
    columns = [2, 1, 0, 1, 2, 1, 0]
    np.testing.assert_array_equal(y, NINE[0, :, :, 0][columns][:, columns])
    np.testing.assert_array_equal(layers.reflect(NINE, 1)[0, 0, :, 0], [5, 4, 5, 6, 5])


def test_instance_norm_is_of_each_map_of_each_image():
    # 0, 2 | 10, 30 and 4, 4 | -1, 1: means 1, 20, 4, 0; variances 1, 100, 0, 1; epsilon 3.
    x = np.float32([[[0, 10], [2, 30]], [[4, -1], [4, 1]]]).reshape(2, 1, 2, 2)
    y = layers.instance_norm(x, epsilon=3.0).numpy()
    tens = 10 / math.sqrt(103)
    np.testing.assert_allclose(y[0, 0], [[-0.5, -tens], [0.5, tens]], rtol=1e-6)
    np.testing.assert_allclose(y[1, 0], [[0, -0.5], [0, 0.5]], rtol=1e-6)


def test_conv_and_deconv_without_a_bias():
    kernel = np.float32([2]).reshape(1, 1, 1, 1)
    np.testing.assert_array_equal(layers.conv(NINE, kernel), 2 * NINE)
    np.testing.assert_array_equal(layers.deconv(NINE, kernel, stride=1), 2 * NINE)


def test_join_appends_to_vectors_and_as_maps_to_maps():
    y = tf.constant([[0.0, 1.0], [1.0, 0.0]])
    np.testing.assert_array_equal(
        layers.join(tf.constant([[7.0], [8.0]]), y), [[7, 0, 1], [8, 1, 0]]
    )
    x = np.arange(12, dtype=np.float32).reshape(2, 2, 3, 1)
    joined = layers.join(tf.constant(x), y).numpy()
    assert joined.shape == (2, 2, 3, 3)
    np.testing.assert_array_equal(joined[..., :1], x)
    for i, label in enumerate(([0, 1], [1, 0])):
        np.testing.assert_array_equal(joined[i, :, :, 1:], np.broadcast_to(label, (2, 3, 2)))


def test_upsample():
    x = np.float32([[1, 2], [3, 4]]).reshape(1, 2, 2, 1)
    np.testing.assert_array_equal(
        layers.upsample(x)[0, :, :, 0], [[1, 1, 2, 2], [1, 1, 2, 2], [3, 3, 4, 4], [3, 3, 4, 4]]
    )


def test_pixel_shuffle_lays_maps_out_as_pixels_and_keeps_those_of_one_place_side_by_side():
    # Two places of eight maps: blocks of 2 x 2 pixels of two maps.
    x = np.arange(16, dtype=np.float32).reshape(1, 1, 2, 8)
    y = layers.pixel_shuffle(x)
    assert y.shape == (1, 2, 4, 2)
    np.testing.assert_array_equal(y[0, :, :, 0], [[0, 2, 8, 10], [4, 6, 12, 14]])
    np.testing.assert_array_equal(y[0, :, :, 1], [[1, 3, 9, 11], [5, 7, 13, 15]])
    # PyTorch's would have 0, 1, 2, 3 in the first map's first block.
    x = np.arange(9 * 2, dtype=np.float32).reshape(1, 1, 1, 18)
    np.testing.assert_array_equal(
        layers.pixel_shuffle(x, 3)[0, :, :, 1], [[1, 3, 5], [7, 9, 11], [13, 15, 17]]
    )


def test_max_pool_and_the_odd_row_and_column_it_drops():
    x = np.float32([[1, -2, 3, 9, 50], [4, 0, -5, -6, 50], [50, 50, 50, 50, 50]])
    y = layers.max_pool(x.reshape(1, 3, 5, 1))
    np.testing.assert_array_equal(y[0, :, :, 0], [[4, 9]])
    assert layers.max_pool(tf.zeros([2, 5, 7, 3])).shape == [2, 2, 3, 3]


def test_average_pool_is_the_mean_of_blocks():
    x = np.arange(32, dtype=np.float32).reshape(1, 4, 4, 2)  # rows of 8: two maps side by side
    y = layers.average_pool(x)
    np.testing.assert_array_equal(y[0, ..., 0], [[5, 9], [21, 25]])  # of 0, 2, 8, 10 and so on
    np.testing.assert_array_equal(y[0, ..., 1], [[6, 10], [22, 26]])
    np.testing.assert_array_equal(layers.average_pool(x, 4)[0, 0, 0], [15, 16])
    np.testing.assert_array_equal(layers.average_pool(x, 1), x)


def test_a_bag_of_words_is_a_sum_in_which_0_is_no_word():
    w = tf.constant([[100.0, 100.0], [1.0, 0.0], [0.0, 2.0], [3.0, 3.0]])
    caption = tf.constant([[1, 2, 2, 0], [3, 1, 0, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(layers.bag_of_words(caption, w), [[1, 4], [4, 3], [0, 0]])


def test_captions_differ_in_a_word_or_not_at_all():
    a, b = tf.constant([[1, 2, 0], [1, 2, 0]]), tf.constant([[1, 2, 3], [1, 2, 0]])
    np.testing.assert_array_equal(layers.differ(a, b), [[1], [0]])


def test_dropout_drops_below_the_rate_keeps_at_it_and_scales():
    x, u = tf.constant([[1.0, 2.0, 3.0, 4.0]]), tf.constant([[0.0, 0.25, 0.2499, 0.9]])
    np.testing.assert_allclose(layers.dropout(x, u, 0.25), [[0, 8 / 3, 0, 16 / 3]], rtol=1e-6)


def test_dropout_keeps_a_unit_whose_u_is_just_the_rate_that_float32_cannot_hold():
    np.testing.assert_allclose(
        layers.dropout(tf.ones([1, 1]), tf.constant([[0.3]]), 0.3), [[1 / 0.7]], rtol=1e-6
    )


@pytest.mark.parametrize("rate", [0.0, 0.3, 0.99])
def test_dropout_drops_the_share_that_is_asked_for(rate):
    u = (np.arange(1000, dtype=np.float32) + 0.5)[np.newaxis] / 1000  # evenly over (0, 1)
    y = layers.dropout(tf.ones([1, 1000]), u, rate).numpy()
    assert np.count_nonzero(y == 0) == round(1000 * rate)
    assert y.mean() == pytest.approx(1, rel=1e-5)


def test_leaky_relu_has_slope_1_above_and_the_given_one_below():
    x = tf.constant([[-10.0, 0.0, 10.0]])
    np.testing.assert_array_equal(layers.leaky_relu(x), [[-2, 0, 10]])
    np.testing.assert_array_equal(layers.leaky_relu(x, 0.5), [[-5, 0, 10]])
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layers.leaky_relu(x, 0.25)
    np.testing.assert_array_equal(tape.gradient(y, x), [[0.25, 0.25, 1]])


def test_prelu_has_a_slope_of_its_own_for_each_map_and_learns_it():
    x, slope = tf.constant([[[[-2.0, -2.0]], [[3.0, -1.0]]]]), tf.Variable([0.25, -1.0])
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(x)
        y = layers.prelu(x, slope)
    np.testing.assert_array_equal(y, [[[[-0.5, 2.0]], [[3.0, 1.0]]]])
    np.testing.assert_array_equal(tape.gradient(y, slope), [-2.0, -3.0])  # sums of what is below 0
    np.testing.assert_array_equal(tape.gradient(y, x), [[[[0.25, -1.0]], [[1.0, -1.0]]]])


def test_relu_tanh_sigmoid():
    x = tf.constant([[-1.0, 0.0, 2.0]])
    np.testing.assert_array_equal(layers.relu(x), [[0, 0, 2]])
    np.testing.assert_allclose(layers.tanh(x), [[-0.76159416, 0, 0.96402758]], rtol=1e-6)
    np.testing.assert_allclose(layers.sigmoid(x), [[0.26894142, 0.5, 0.88079708]], rtol=1e-6)


def test_glu_is_the_first_half_gated_by_the_second():
    # sigmoid(0) = 1/2, sigmoid(ln 3) = 3/4
    x = tf.constant([[2.0, -8.0, 0.0, math.log(3)]])
    np.testing.assert_allclose(layers.glu(x), [[1, -6]], rtol=1e-6)
    assert layers.glu(tf.zeros([2, 3, 3, 8])).shape == [2, 3, 3, 4]


def test_elu_is_the_identity_above_0_and_tends_to_minus_1_below():
    x = tf.constant([[-100.0, -1.0, 0.0, 2.0]])
    np.testing.assert_allclose(layers.elu(x), [[-1, -0.63212056, 0, 2]], rtol=1e-6)


def test_prelu_has_a_slope_for_each_map_which_is_trained():
    slope = tf.Variable([0.25, -2.0])
    x = tf.constant([[[[-4.0, -3.0]]], [[[8.0, 5.0]]]])  # two images of a pixel
    with tf.GradientTape() as tape:
        y = layers.prelu(x, slope)
    np.testing.assert_array_equal(y[:, 0, 0], [[-1, 6], [8, 5]])
    np.testing.assert_array_equal(tape.gradient(y, slope), [-4, -3])


def test_maxout_is_the_largest_of_neighbours():
    x = tf.constant([[1.0, 5.0, -2.0, -7.0, -3.0, -4.0], [0.0, 0.0, 1.0, 9.0, 8.0, 7.0]])
    np.testing.assert_array_equal(layers.maxout(x, 3), [[5, -3], [1, 9]])  # not [5, -2], [9, 8]
    np.testing.assert_array_equal(layers.maxout(x, 2), [[5, -2, -3], [0, 9, 8]])
    np.testing.assert_array_equal(layers.maxout(x, 1), x)
    with tf.GradientTape() as tape:
        tape.watch(x)
        y = layers.maxout(x, 3) * tf.constant([[1.0, 2.0]])
    np.testing.assert_array_equal(tape.gradient(y, x), [[0, 1, 0, 0, 2, 0], [0, 0, 1, 2, 0, 0]])


def test_selu_keeps_a_mean_of_0_and_a_variance_of_1():
    # 1.05070099 * 2, and 1.05070099 * 1.67326324 * (e^-1 - 1) = -1.75809934 * .63212056
    y = layers.selu(tf.constant([[-1.0, 0.0, 2.0]]))
    np.testing.assert_allclose(y, [[-1.1113307, 0.0, 2.1014020]], rtol=1e-6)
    x = np.linspace(-8, 8, 100_001)
    density = np.exp(-(x**2) / 2) / np.exp(-(x**2) / 2).sum()  # of N(0, 1)
    y = layers.selu(tf.constant(x)).numpy()
    assert density @ y == pytest.approx(0, abs=1e-5)
    assert density @ y**2 == pytest.approx(1, abs=1e-4)  # ELU's would be .65


def test_pack_puts_examples_that_follow_each_other_side_by_side():
    points = tf.constant([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0], [7.0, 8.0]])
    np.testing.assert_array_equal(layers.pack(points, 2), [[1, 2, 3, 4], [5, 6, 7, 8]])
    np.testing.assert_array_equal(layers.pack(points, 1), points)
    images = np.arange(24, dtype=np.float32).reshape(2, 2, 3, 2)
    packed = layers.pack(images, 2)  # maps of the first image, then of the second
    assert packed.shape == (1, 2, 3, 4)
    np.testing.assert_array_equal(packed[0, :, :, :2], images[0])
    np.testing.assert_array_equal(packed[0, :, :, 2:], images[1])


def test_flatten_and_reshape_keep_each_example_and_its_order():
    x = np.arange(24, dtype=np.float32).reshape(2, 2, 3, 2)
    flat = layers.flatten(x)
    np.testing.assert_array_equal(flat, [np.arange(12), np.arange(12, 24)])
    np.testing.assert_array_equal(layers.reshape(flat, [2, 3, 2]), x)


# ---------------------------------------------------------------- the table of a network


def test_recorded_layers_lists_what_ran_with_its_shape_and_variables():
    w, b = tf.Variable(tf.zeros([2, 3])), tf.Variable(tf.zeros([3]))
    with layers.recorded_layers() as rows:
        x = layers.linear(tf.zeros([5, 2]), w, b)
        x = layers.dropout(x, tf.ones([5, 3]), 0.5)
        layers.reshape(x, [3, 1])
    assert [row.kind for row in rows] == ["linear", "dropout", "reshape"]
    assert [tuple(row.output.shape) for row in rows] == [(5, 3), (5, 3), (5, 3, 1)]
    assert [[id(v) for v in row.variables] for row in rows] == [[id(w), id(b)], [], []]


def test_nothing_is_recorded_after_the_block_even_when_it_fails():
    with pytest.raises(ZeroDivisionError), layers.recorded_layers() as rows:
        layers.relu(tf.zeros([1, 1]))
        raise ZeroDivisionError
    layers.relu(tf.zeros([1, 1]))
    assert len(rows) == 1


def test_within_another_recording_rows_go_to_the_inner_one_alone():
    with layers.recorded_layers() as outer:
        layers.relu(tf.zeros([1, 1]))
        with layers.recorded_layers() as inner:
            layers.tanh(tf.zeros([1, 1]))
        layers.elu(tf.zeros([1, 1]))
    assert [row.kind for row in outer] == ["relu", "elu"] and [r.kind for r in inner] == ["tanh"]


# ---------------------------------------------------------------- batch norm


def norm_of(units=2):
    weights = initializers.batch_norm_weights(units, "norm")
    return weights, [weights[f"norm_{part}"] for part in ("gamma", "beta", "mean", "variance")]


def test_batch_norm_takes_the_batchs_own_statistics():
    # Columns 0, 2 and 10, 30: means 1 and 20, variances 1 and 100; epsilon 3 and 44 make roots.
    weights, parts = norm_of()
    weights["norm_gamma"].assign([1.0, 6.0])
    weights["norm_beta"].assign([0.5, -1.0])
    x = tf.constant([[0.0, 10.0], [2.0, 30.0]])
    y = layers.batch_norm(x, *parts, "batch", epsilon=3.0)  # sqrt(1 + 3) = 2, sqrt(103)
    np.testing.assert_allclose(y[:, 0], [0.0, 1.0], rtol=1e-6)
    np.testing.assert_allclose(
        y[:, 1], [-60 / math.sqrt(103) - 1, 60 / math.sqrt(103) - 1], rtol=1e-6
    )
    np.testing.assert_array_equal(weights["norm_mean"], [0.0, 0.0])  # stood still
    np.testing.assert_array_equal(weights["norm_variance"], [1.0, 1.0])


def test_batch_norm_moves_its_statistics_only_when_told():
    weights, parts = norm_of(1)
    x = tf.constant([[0.0], [2.0]])  # mean 1, variance 1
    y = layers.batch_norm(x * 2, *parts, "update", momentum=0.75, epsilon=0.0)  # mean 2, variance 4
    np.testing.assert_allclose(y, [[-1.0], [1.0]], rtol=1e-6)
    assert weights["norm_mean"].numpy() == 0.5 and weights["norm_variance"].numpy() == 1.75
    alone = layers.batch_norm(x[:1], *parts, "moving", epsilon=0.0)
    np.testing.assert_allclose(alone, [[-0.5 / math.sqrt(1.75)]], rtol=1e-6)
    assert weights["norm_mean"].numpy() == 0.5


def test_batch_norm_of_maps_is_over_all_their_pixels():
    x = tf.reshape(tf.range(8.0), [2, 2, 1, 2])  # maps 0, 2, 4, 6 and 1, 3, 5, 7: variance 5
    y = layers.batch_norm(x, *norm_of()[1], "batch", epsilon=0.0)
    expected = np.array([-3, -1, 1, 3]) / math.sqrt(5)
    np.testing.assert_allclose(tf.reshape(y, [4, 2])[:, 0], expected, rtol=1e-5)
    np.testing.assert_allclose(tf.reshape(y, [4, 2])[:, 1], expected, rtol=1e-5)


def test_batch_norm_without_scale_and_shift_and_without_a_memory():
    # 0, 2 and 4: mean 2, variance 8 / 3; epsilon 4 / 3 makes the root 2.
    x = tf.constant([[0.0], [2.0], [4.0]])
    y = layers.batch_norm(x, None, None, None, None, "batch", epsilon=4 / 3)
    np.testing.assert_allclose(y, [[-1.0], [0.0], [1.0]], rtol=1e-6)
    mean, variance = tf.Variable([2.0]), tf.Variable([15.0])
    y = layers.batch_norm(x, None, None, mean, variance, "moving", epsilon=1.0)
    np.testing.assert_allclose(y, [[-0.5], [0.0], [0.5]], rtol=1e-6)
    layers.batch_norm(x, None, None, mean, variance, "update", momentum=0.5)
    np.testing.assert_allclose([mean[0], variance[0]], [2.0, (15 + 8 / 3) / 2], rtol=1e-6)


def test_linear_without_a_bias():
    y = layers.linear(tf.constant([[1.0, 2.0]]), tf.constant([[3.0], [4.0]]))
    np.testing.assert_array_equal(y, [[11.0]])
