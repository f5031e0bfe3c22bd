"""Networks of named layers: what weights they have, and what they give."""

from functools import partial

import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import blocks, layers
from ganflow.nn.initializers import truncated_normal

SHAPES = {"in": [3, 8], "mid": [3, 3, 2, 5], "head": [20, 1], "out": [1, 1, 5, 1]}
MAKE = partial(truncated_normal, std=0.5)


def made(shapes=SHAPES, **settings):
    return blocks.weights(shapes, MAKE, np.random.default_rng(0), **settings)


def maps(*shape, seed=0):
    return tf.constant(np.random.default_rng(seed).standard_normal(shape), tf.float32)


def test_each_layer_has_a_kernel_and_what_it_is_said_to_have_behind_it():
    weights = made(biased=["head"], bare=["out"])
    assert {name: list(v.shape) for name, v in weights.items()} == {
        "in_w": [3, 8], "in_gamma": [8], "in_beta": [8], "in_mean": [8], "in_variance": [8],
        "mid_w": [3, 3, 2, 5], "mid_gamma": [5], "mid_beta": [5], "mid_mean": [5],
        "mid_variance": [5], "head_w": [20, 1], "head_b": [1], "out_w": [1, 1, 5, 1],
    }  # fmt: skip
    assert [v.name for v in weights.values()] == [f"{name}:0" for name in weights]
    assert not weights["in_mean"].trainable and not weights["head_b"].numpy().any()
    assert weights["mid_gamma"].numpy().std() > 0  # N(1, .02)
    assert not [name for name in made(moving=False) if name.endswith(("_mean", "_variance"))]


def test_a_normed_layer_is_its_product_or_convolution_and_batch_norm():
    weights = made(bare=["out"])
    for x, name in ((maps(4, 3), "in"), (maps(4, 6, 6, 2), "mid")):
        w = weights[f"{name}_w"]
        y = layers.linear(x, w) if name == "in" else layers.conv(x, w)
        parts = [weights[f"{name}_{part}"] for part in ("gamma", "beta", "mean", "variance")]
        for statistics in ("batch", "moving"):
            expected = layers.batch_norm(y, *parts, statistics, momentum=0.9, epsilon=1e-5)
            np.testing.assert_array_equal(blocks.normed(x, weights, name, statistics), expected)
    mean = np.float64(y).mean(axis=(0, 1, 2))
    blocks.normed(x, weights, "mid", "update")
    np.testing.assert_allclose(weights["mid_mean"], 0.1 * mean, atol=1e-6)
    assert blocks.normed(x, weights, "mid", "batch", stride=2).shape == [4, 3, 3, 5]


def test_numbered_layers_are_found_in_their_order():
    weights = made({f"up_{i}": [1, 1, 1, 1] for i in range(12)} | {"up_x": [1, 1, 1, 1]})
    assert blocks.numbered(weights, "up") == [f"up_{i}" for i in range(12)]
    assert blocks.numbered(weights, "down") == []


@pytest.mark.parametrize(
    ("most", "side", "expected"),
    [
        (512, 64, [512, 256, 128, 64]),
        (512, 32, [512, 256, 128]),
        (512, 8, [512]),
        (2, 64, [2, 1, 1, 1]),
    ],
)
def test_maps_fall_by_halves_from_4x4_to_half_of_the_side(most, side, expected):
    assert blocks.maps_from_4(most, side) == expected


def test_halving_ends_at_4x4_with_so_many_maps():
    shapes = blocks.halving_shapes(16, 32, 3)
    assert shapes == {"in": [4, 4, 3, 4], "down_0": [4, 4, 4, 8], "down_1": [4, 4, 8, 16]}
    weights = made(shapes, bare=["in"], moving=False)
    x = maps(5, 32, 32, 3)
    y = layers.leaky_relu(layers.conv(x, weights["in_w"], stride=2))
    for name in ("down_0", "down_1"):
        y = layers.leaky_relu(blocks.normed(y, weights, name, "batch", stride=2))
    assert y.shape == [5, 4, 4, 16]
    np.testing.assert_array_equal(blocks.halved(x, weights), y)
    assert blocks.halving_shapes(16, 8, 3) == {"in": [4, 4, 3, 16]}


def test_doubling_is_by_nearest_neighbours_and_gates_take_two_maps_for_one():
    assert blocks.doubling_shapes([8, 4, 2]) == {"up_0": [3, 3, 8, 4], "up_1": [3, 3, 4, 2]}
    shapes = blocks.doubling_shapes([8, 4, 2], gates=2)
    assert shapes == {"up_0": [3, 3, 8, 8], "up_1": [3, 3, 4, 4]}
    weights, x = made(shapes), maps(3, 4, 4, 8)
    y = layers.glu(blocks.normed(layers.upsample(x), weights, "up_0", "batch"))
    y = layers.glu(blocks.normed(layers.upsample(y), weights, "up_1", "batch"))
    found = blocks.doubled(x, weights, "batch", layers.glu)
    assert found.shape == [3, 16, 16, 2]
    np.testing.assert_array_equal(found, y)


def test_residual_blocks_add_pairs_of_layers_to_what_they_are_given():
    weights, x = made({f"block_{i}": [3, 3, 4, 4] for i in range(4)}), maps(3, 5, 5, 4)
    y = x
    for i in (0, 2):
        inner = layers.relu(blocks.normed(y, weights, f"block_{i}", "batch"))
        y = tf.tanh(y + blocks.normed(inner, weights, f"block_{i + 1}", "batch"))
    found = blocks.residual(x, weights, "block", "batch", layers.relu, tf.tanh)
    np.testing.assert_array_equal(found, y)
    with pytest.raises(ValueError):  # a pair lacks its second
        blocks.residual(x, made({"block_0": [3, 3, 4, 4]}), "block", "batch", layers.relu)


@pytest.mark.parametrize("shape", [(32, 16, 3), (28, 28, 1), (16, 16, 3), (96, 96, 3), (48, 48, 1)])
def test_squares_that_no_doubling_leads_to_are_refused(shape):
    with pytest.raises(ValueError, match="trains on squares of side 32, 64, 128, ..., not on"):
        blocks.square_side(shape, least=32)
    assert [blocks.square_side((s, s, 3), least=32) for s in (32, 64, 256)] == [32, 64, 256]
