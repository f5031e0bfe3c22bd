"""A classifier of a model's own: that it learns, and what its features are."""

import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import optimizers, perceptual

SHAPE = (9, 8, 2)


def striped(n, seed=0):
    """Noise with stripes: class 0 across, class 1 down."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, 2, n).astype(np.int32)
    across = np.broadcast_to(np.float32(np.arange(9) % 2)[:, None, None], SHAPE)
    down = np.broadcast_to(np.float32(np.arange(8) % 2)[None, :, None], SHAPE)
    x = np.where(label[:, None, None, None] == 0, across, down) - 0.5
    return tf.constant(x + rng.normal(0, 0.3, x.shape), tf.float32), tf.constant(label)


@pytest.fixture(scope="module")
def learnt():
    """(Weights after 40 updates, the losses on the way)."""
    weights = perceptual.weights(SHAPE, 2, np.random.default_rng(0))
    trained = optimizers.variables(weights)
    optimizer = optimizers.Adam(1e-3, trained)

    @tf.function
    def update(x, label):
        with tf.GradientTape() as tape:
            loss = perceptual.loss(weights, x, label)
        optimizer.update(tape.gradient(loss, trained))
        return loss

    return weights, [float(update(*striped(32, seed))) for seed in range(40)]


def test_it_learns_the_labels(learnt):
    _, losses = learnt
    assert losses[0] > 0.3 and np.mean(losses[-5:]) < 0.05


def test_features_are_maps_of_half_the_size_that_move_nothing(learnt):
    weights, _ = learnt
    before = {name: v.numpy() for name, v in weights.items()}
    x, label = striped(8, seed=99)
    maps = perceptual.features(weights, x)
    assert maps.shape == (8, 5, 4, 64) and float(tf.reduce_min(maps)) == 0
    alone = perceptual.features(weights, x[:1])  # whatever stands beside it
    np.testing.assert_allclose(alone, maps[:1], rtol=1e-4, atol=1e-5)
    assert all(np.array_equal(before[name], v) for name, v in weights.items())
    perceptual.loss(weights, x, label)  # as it learns, its statistics move
    moved = {name for name, v in weights.items() if not np.array_equal(before[name], v)}
    assert moved == {f"norm_{i}_{part}" for i in (0, 1) for part in ("mean", "variance")}


def test_features_are_of_a_size_with_pixels(learnt):
    weights, _ = learnt
    maps = np.float64(perceptual.features(weights, striped(64, seed=8)[0]))
    # What is above 0 of a standard normal has a mean square of a half; stripes are not normal.
    assert np.mean(maps**2) == pytest.approx(0.5, rel=0.4)


def test_the_difference_is_a_mean_square_and_0_of_the_same(learnt):
    weights, _ = learnt
    x, _ = striped(6, seed=7)
    y = x[::-1]
    a, b = (np.float64(perceptual.features(weights, v)) for v in (x, y))
    found = float(perceptual.difference(weights, x, y))
    assert found == pytest.approx(((a - b) ** 2).mean(), rel=1e-4)
    assert float(perceptual.difference(weights, x, x)) == 0
