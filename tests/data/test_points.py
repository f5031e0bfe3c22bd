"""The point sets: centres, spreads and bounds as their authors give them."""

import numpy as np
import pytest

from ganflow import data

ROOT_HALF = 0.5**0.5
RING = np.array(
    [
        (1, 0),
        (ROOT_HALF, ROOT_HALF),
        (0, 1),
        (-ROOT_HALF, ROOT_HALF),
        (-1, 0),
        (-ROOT_HALF, -ROOT_HALF),
        (0, -1),
        (ROOT_HALF, -ROOT_HALF),
    ]
)
GRID = np.array([(x, y) for x in (-4, -2, 0, 2, 4) for y in (-4, -2, 0, 2, 4)])
MIXTURES = {
    "gaussians_8": (2 * RING / 1.414, 0.02 / 1.414),
    "gaussians_25": (GRID / 2.828, 0.05 / 2.828),
    "pacgan_ring": (RING, 0.01),
    "pacgan_grid": (GRID, 0.05),
}


@pytest.mark.parametrize("name", MIXTURES)
def test_modes(name):
    centres, std = data.modes(name)
    assert centres.dtype == np.float32
    np.testing.assert_allclose(centres, MIXTURES[name][0], atol=1e-6)
    assert std == pytest.approx(MIXTURES[name][1])


@pytest.mark.parametrize("name", MIXTURES)
def test_mixture(name):
    dataset = data.load(name)
    centres, std = data.modes(name)
    assert dataset.x.shape == (100_000, 2) and dataset.x.dtype == np.float32
    assert dataset.label.dtype == np.int32
    counts = np.bincount(dataset.label)
    assert counts.tolist() == [100_000 // len(centres)] * len(centres)
    # The label is the nearest centre: the modes are at least 27 standard deviations apart.
    distance = np.linalg.norm(dataset.x[:2000, None] - centres, axis=-1)
    np.testing.assert_array_equal(distance.argmin(axis=1), dataset.label[:2000])
    residual = dataset.x - centres[dataset.label]
    np.testing.assert_allclose(residual.std(axis=0), std, rtol=0.02)
    np.testing.assert_allclose(residual.mean(axis=0), 0, atol=5 * std / 100_000**0.5)
    # Shuffled: the first hundred come from many modes.
    assert len(set(dataset.label[:100].tolist())) >= min(len(centres), 8)


@pytest.mark.parametrize("name", ["circle", "swiss_roll", "digits", "mnist", "idx"])
def test_no_modes(name):
    assert data.modes(name) is None


def test_circle():
    dataset = data.load("circle")
    assert dataset.x.shape == (1000, 2) and dataset.x.dtype == np.float32
    assert dataset.label is None
    np.testing.assert_allclose(np.linalg.norm(dataset.x, axis=1), 2, atol=1e-6)
    np.testing.assert_allclose(
        dataset.x[[0, 250, 500, 750]], [(2, 0), (0, 2), (-2, 0), (0, -2)], atol=1e-6
    )
    # Evenly spaced, the last as far from the first as any two neighbours: 4 sin(pi / 1000).
    gaps = np.linalg.norm(dataset.x - np.roll(dataset.x, 1, axis=0), axis=1)
    np.testing.assert_allclose(gaps, 0.01256635, atol=1e-6)


def test_swiss_roll():
    x = data.load("swiss_roll").x
    assert x.shape == (100_000, 2) and x.dtype == np.float32
    # t (cos t, sin t) / 7.5 for t in [1.5 pi, 4.5 pi], and noise of .25 / 7.5.
    radius = np.linalg.norm(x, axis=1)
    noise = 6 * 0.25 / 7.5
    assert 1.5 * np.pi / 7.5 - noise < radius.min() < 1.5 * np.pi / 7.5
    assert 4.5 * np.pi / 7.5 < radius.max() < 4.5 * np.pi / 7.5 + noise


@pytest.mark.parametrize("name", data.POINTS)
def test_same_every_time(name):
    first, second = data.load(name), data.load(name)
    assert first.sha256 == second.sha256
    assert first.is_points
    assert first.example_shape == (2,)


def test_draws_differ_between_sets():
    assert len({data.load(name).sha256 for name in data.POINTS}) == len(data.POINTS)
