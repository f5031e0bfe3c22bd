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


def twelfths(x, y, *numbers):
    """On a circle of radius 2."""
    angles = np.radians([30 * number for number in numbers])
    return np.stack([x + 2 * np.cos(angles), y + 2 * np.sin(angles)], axis=1)


DOMAINS = {"a": twelfths(-2, -2, 0, 2.25, 4.5, 6.75, 9), "b": twelfths(2, 2, *range(10))}


def test_two_domains_are_mixtures_of_5_and_of_10():
    dataset = data.load("gaussians_5_10")
    assert list(dataset.fields) == ["a", "a_label", "b", "b_label"]
    assert dataset.is_points and dataset.sizes == {"a": 100_000, "b": 100_000}
    assert dataset.about().classes == {"a_label": 5, "b_label": 10}
    residuals = []
    for field, expected in DOMAINS.items():
        centres, std = data.modes("gaussians_5_10", field)
        np.testing.assert_allclose(centres, expected, atol=1e-6)
        assert std == 0.1 and centres.dtype == np.float32
        x, label = dataset.fields[field], dataset.fields[f"{field}_label"]
        assert x.dtype == np.float32 and label.dtype == np.int32
        counts = np.bincount(label).tolist()
        assert counts == [100_000 // len(expected)] * len(expected)
        residuals.append(x - centres[label])
        np.testing.assert_allclose(residuals[-1].std(axis=0), 0.1, rtol=0.02)
        distance = np.linalg.norm(x[:2000, None] - centres, axis=-1)  # ten stds apart, and more
        np.testing.assert_array_equal(distance.argmin(axis=1), label[:2000])
    # Unpaired: what one domain drew says nothing of the other.
    correlation = np.corrcoef(residuals[0].T, residuals[1].T)[:2, 2:]
    assert np.abs(correlation).max() < 5 / 100_000**0.5
    assert data.load("gaussians_5_10").sha256 == dataset.sha256


def test_held_out_points_of_two_domains_are_others():
    train, held_out = data.load_both("gaussians_5_10")
    assert held_out.sizes == train.sizes and "afresh" in held_out.part
    for field in "ab":
        assert not {*map(bytes, train.fields[field])} & {*map(bytes, held_out.fields[field])}


@pytest.mark.parametrize(
    ("name", "field"),
    [(name, "x") for name in ("circle", "swiss_roll", "digits", "mnist", "idx", "gaussians_5_10")]
    + [("gaussians_8", "a"), ("gaussians_5_10", "a_label"), ("digits_edges", "a")],
)
def test_no_modes(name, field):
    assert data.modes(name, field) is None


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
