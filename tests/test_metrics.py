"""The figures against closed forms and literals, and against what they must notice."""

import numpy as np
import pytest

from ganflow import data
from ganflow.data import statistics
from ganflow.judging import evaluation, metrics


def normal(n, d=8, seed=0, shift=0.0):
    return np.random.default_rng(seed).standard_normal((n, d)) + shift


# ---------------------------------------------------------------- Frechet distance


def test_frechet_of_independent_coordinates_is_a_sum_of_squares():
    # |(1, 2)|^2 + (1 - 2)^2 + (3 - 5)^2 = 5 + 1 + 4
    a, b = np.diag([1.0, 9.0]), np.diag([4.0, 25.0])
    distance = metrics.frechet_distance(np.zeros(2), a, np.array([1.0, 2.0]), b)
    assert distance == pytest.approx(10, abs=1e-12)


def test_frechet_of_covariances_that_do_not_commute():
    # The trace of the root of a 2 x 2 matrix M is sqrt(tr M + 2 sqrt(det M)): here sqrt(8 + 6).
    a, b = np.array([[2.0, 1.0], [1.0, 2.0]]), np.array([[3.0, 0.0], [0.0, 1.0]])
    assert not np.allclose(a @ b, b @ a)
    zero = np.zeros(2)
    expected = 8 - 2 * np.sqrt(14)
    assert metrics.frechet_distance(zero, a, zero, b) == pytest.approx(expected, abs=1e-12)
    assert metrics.frechet_distance(zero, b, zero, a) == pytest.approx(expected, abs=1e-12)


def test_moments_are_unbiased_and_float64():
    mean, cov = metrics.moments(np.float32([[0, 0], [2, 4]]))
    assert mean.dtype == cov.dtype == np.float64
    assert mean.tolist() == [1, 2]
    assert cov.tolist() == [[2, 4], [4, 8]]  # n - 1 = 1; with n it would be half


def frechet(a, b):
    return metrics.frechet_distance(*metrics.moments(a), *metrics.moments(b))


def test_frechet_of_equal_distributions_falls_like_one_over_n():
    def mean_of(n):
        return np.mean([frechet(normal(n, seed=i), normal(n, seed=100 + i)) for i in range(20)])

    assert 3 < mean_of(200) / mean_of(800) < 5


def test_frechet_with_fewer_examples_than_features_is_real_and_finite():
    few = normal(5, d=20)
    assert frechet(few, few) == pytest.approx(0, abs=1e-6)
    assert 0 < frechet(few, normal(5, d=20, seed=1)) < np.inf


def test_frechet_notices_collapse_and_a_shift():
    real = normal(2_000)
    assert frechet(real, np.zeros([2_000, 8])) == pytest.approx(8, rel=0.05)  # tr I, no root
    assert frechet(real, normal(2_000, seed=1, shift=1.0)) == pytest.approx(8, rel=0.05)  # |1|^2
    assert frechet(real, normal(2_000, seed=1)) < 0.1


# ---------------------------------------------------------------- kernel distance


def test_kernel_distance_by_hand():
    # k(x, y) = (xy + 1)^3. Within {0, 1}: k(0, 1) = 1; within {1, 2}: k(1, 2) = 27;
    # across: (1 + 1 + 8 + 27) / 4. So 1 + 27 - 2 * 37/4 = 9.5.
    a, b = np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]])
    assert metrics.kernel_distances(a, b).tolist() == pytest.approx([9.5])
    # A second, constant feature 0 halves xy: 1 + 8 - 2 (1 + 1 + 1.5^3 + 8) / 4 = 2.3125.
    a, b = (np.hstack([x, np.zeros([2, 1])]) for x in (a, b))
    assert metrics.kernel_distances(a, b).tolist() == pytest.approx([2.3125])


def test_kernel_distance_goes_block_by_block():
    a, b = normal(25), normal(21, seed=1)
    blocks = metrics.kernel_distances(a, b, block=10)
    assert len(blocks) == 2
    assert blocks[1] == pytest.approx(metrics.kernel_distances(a[10:20], b[10:20])[0])


def test_kernel_distance_is_unbiased_and_notices_noise():
    same = metrics.kernel_distances(normal(8_000), normal(8_000, seed=1), block=200)
    error = same.std(ddof=1) / np.sqrt(len(same))
    assert len(same) == 40 and (same < 0).any()
    assert abs(same.mean()) < 4 * error
    far = metrics.kernel_distances(normal(8_000), 3 * normal(8_000, seed=1), block=200)
    assert far.mean() > 100 * error


# ---------------------------------------------------------------- precision and its kin


def test_precision_recall_density_coverage_by_hand():
    # k = 1. Radii of the reals: 1, 1, 1, 4; of the fakes: 1.7, 1.7, 3.1, 3.1.
    # Real balls around the fakes: 2 (of 0 and 1), 2 (of 2 and 6), 1 (of 6), 0.
    # Reals in fake balls: 0, 1, 2, but not 6. Every real ball holds a fake.
    real, fake = np.array([[0.0], [1], [2], [6]]), np.array([[0.5], [2.2], [9.9], [13]])
    assert metrics.neighbour_radii(real, k=1).tolist() == [1, 1, 1, 4]
    figures = metrics.precision_recall_density_coverage(real, fake, k=1)
    assert figures == {"precision": 0.75, "recall": 0.75, "density": 1.25, "coverage": 1.0}


def test_equal_distributions_reach_the_expected_density_and_coverage():
    k, n = 5, 2_000
    figures = metrics.precision_recall_density_coverage(normal(n), normal(n, seed=1), k)
    # The k nearest of the 2n - 1 other examples all real: (n-1)...(n-k) / ((2n-1)...(2n-k)).
    expected = 1 - np.prod([(n - i) / (2 * n - i) for i in range(1, k + 1)])
    assert expected == pytest.approx(1 - 2**-k, abs=1e-3)
    assert figures["coverage"] == pytest.approx(expected, abs=0.015)
    assert figures["density"] == pytest.approx(1, abs=0.08)
    assert figures["precision"] > 0.9 and figures["recall"] > 0.9


def test_balls_in_blocks_are_the_same_as_at_once(monkeypatch):
    real, fake = normal(600), normal(500, seed=1, shift=0.7)
    distances = np.linalg.norm(real[:, None] - fake, axis=2)
    inside = distances <= metrics.neighbour_radii(real)[:, None]
    expected = {
        "precision": inside.any(axis=0).mean(),
        "recall": (distances <= metrics.neighbour_radii(fake)).any(axis=1).mean(),
        "density": inside.sum() / (5 * 500),
        "coverage": inside.any(axis=1).mean(),
    }
    monkeypatch.setattr(metrics, "_ROWS", 1)  # a megabyte holds 262 rows: three blocks
    figures = metrics.precision_recall_density_coverage(real, fake)
    assert figures == pytest.approx(expected)
    radii = metrics.neighbour_radii(real)
    assert metrics.precision_recall_density_coverage(real, fake, 5, radii) == figures


def test_collapse_costs_recall_and_coverage_and_noise_costs_precision():
    real = normal(500)
    collapsed = np.repeat(real[:1], 500, axis=0)
    figures = metrics.precision_recall_density_coverage(real, collapsed)
    assert figures["precision"] == 1 and figures["recall"] <= 1 / 500
    assert figures["coverage"] < 0.05
    noise = np.random.default_rng(1).uniform(-30, 30, real.shape)
    figures = metrics.precision_recall_density_coverage(real, noise)
    assert figures["precision"] < 0.02 and figures["density"] < 0.02


# ---------------------------------------------------------------- classes


def test_class_shares_and_entropy():
    shares = metrics.class_shares(np.array([0, 2, 2, 2]), 4)
    assert shares.tolist() == [0.25, 0, 0.75, 0]
    # -(1/4) log(1/4) - (3/4) log(3/4) = log 4 - (3/4) log 3
    assert metrics.entropy(shares) == pytest.approx(np.log(4) - 0.75 * np.log(3))
    assert metrics.entropy(np.full(10, 0.1)) == pytest.approx(np.log(10))
    assert metrics.entropy(np.eye(10)[3]) == 0


# ---------------------------------------------------------------- points


def test_sliced_wasserstein_of_a_shift_and_of_a_circle():
    points = normal(300, d=2)
    assert metrics.sliced_wasserstein(points, points[::-1]) == pytest.approx(0, abs=1e-12)
    moved = metrics.sliced_wasserstein(points, points + [3, 4])
    assert moved == pytest.approx(2 / np.pi * 5, rel=1e-3)
    angle = 2 * np.pi * np.arange(1_000) / 1_000
    circle = np.stack([np.cos(angle), np.sin(angle)], axis=1)
    assert metrics.sliced_wasserstein(circle, np.zeros([7, 2])) == pytest.approx(
        2 / np.pi, rel=1e-3
    )


def test_sliced_wasserstein_notices_a_turn_that_leaves_both_axes_alone():
    line = np.random.default_rng(0).uniform(-1, 1, 500)
    rising, falling = np.stack([line, line], axis=1), np.stack([line, -line], axis=1)
    assert metrics.sliced_wasserstein(rising, falling) > 0.2
    for axis in (0, 1):
        assert abs(rising[:, axis].mean()) == pytest.approx(abs(falling[:, axis].mean()))


def test_mode_figures_by_hand():
    centres = np.float32([[0, 0], [10, 0], [0, 10]])
    points = np.float32([[2.9, 0], [0, -3.1], [10, 4.9], [10, 0.1], [5, 5], [10, 0]])
    assert metrics.mode_figures(points, centres, std=1.0) == pytest.approx(
        {
            "modes_captured": 2,
            "high_quality_3std": 3 / 6,
            "high_quality_5std": 5 / 6,
            "mode_share_0": 1 / 6,
            "mode_share_1": 2 / 6,
            "mode_share_2": 0,
        }
    )


def test_the_real_mixture_has_rayleighs_shares_and_noise_and_collapse_do_not():
    points = data.load("pacgan_ring").x
    centres, std = data.modes("pacgan_ring")
    figures = metrics.mode_figures(points, centres, std)
    assert figures["modes_captured"] == 8
    assert figures["high_quality_3std"] == pytest.approx(1 - np.exp(-4.5), abs=0.002)
    assert figures["high_quality_5std"] == pytest.approx(1 - np.exp(-12.5), abs=1e-4)
    shares = [figures[f"mode_share_{i}"] for i in range(8)]
    assert shares == pytest.approx([figures["high_quality_3std"] / 8] * 8, abs=0.002)
    noise = np.random.default_rng(0).uniform(-2, 2, points.shape)
    # eight discs of radius .03 in a square of area 16
    expected = 8 * np.pi * 0.03**2 / 16
    noisy = metrics.mode_figures(noise, centres, std)["high_quality_3std"]
    assert noisy == pytest.approx(expected, rel=0.3)
    one = metrics.mode_figures(np.repeat(centres[:1], 10, axis=0), centres, std)
    assert one["modes_captured"] == 1 and one["mode_share_0"] == 1


def test_summary_statistics_by_hand():
    table = statistics.summary_statistics(np.float32([[1, 0], [2, 0], [3, 0], [4, 8]]))
    assert table["x"] == pytest.approx(
        {
            "count": 4,
            "mean": 2.5,
            "std": np.sqrt(5 / 3),
            "min": 1,
            "25 %": 1.75,
            "50 %": 2.5,
            "75 %": 3.25,
            "max": 4,
        }
    )
    assert table["y"]["mean"] == 2 and table["y"]["std"] == 4 and table["y"]["75 %"] == 2


# ---------------------------------------------------------------- the judge of points


def test_points_have_modes_and_a_distance_and_noise_and_collapse_show():
    dataset, held_out = data.load_both("pacgan_ring")
    judge = evaluation.make_judge(dataset, held_out, num=3_000)
    floor, noise = {k: v.value for k, v in judge.floor.items()}, judge.figures(judge.noise)
    assert floor.keys() == noise.keys()
    assert floor.keys() == {
        *("sliced_wasserstein", "modes_captured", "high_quality_3std", "high_quality_5std"),
        *(f"mode_share_{i}" for i in range(8)),
    }
    assert floor["modes_captured"] == 8
    assert floor["high_quality_3std"] == pytest.approx(0.9889, abs=0.01)
    assert noise["high_quality_3std"] < 0.05
    assert noise["sliced_wasserstein"] > 5 * floor["sliced_wasserstein"]
    one = judge.figures(np.repeat(dataset.x[:1], 100, axis=0))
    assert one["modes_captured"] == 1
    assert one["sliced_wasserstein"] > 20 * floor["sliced_wasserstein"]


def test_floor_and_real_points_are_training_and_held_out_ones():
    train, held_out = data.load_both("circle")
    judge = evaluation.make_judge(train, held_out)
    assert judge.num == 1_000
    assert judge.floor["sliced_wasserstein"][1:] == (1_000, 1_000)
    assert {*map(tuple, judge.real_points)} == {*map(tuple, held_out.x)}
    assert judge.floor["sliced_wasserstein"].value > 0
    assert judge.figures(judge.real_points)["sliced_wasserstein"] == 0
    assert judge.floor.keys() == {"sliced_wasserstein"}  # no mixture, so no modes


# ---------------------------------------------------------------- what papers measured


def test_parzen_of_one_centre_is_its_gaussian():
    x, centre, sigma = np.array([[0.3, -0.1], [0.0, 0.2]]), np.array([[0.1, 0.1]]), 0.4
    squares = np.sum((x - centre) ** 2, axis=1)
    expected = np.mean(-squares / (2 * sigma**2)) - np.log(2 * np.pi * sigma**2)
    assert metrics.parzen_log_likelihood(centre, x, sigma) == pytest.approx(expected)
    twice = np.concatenate([centre, centre])  # the same density
    assert metrics.parzen_log_likelihood(twice, x, sigma) == pytest.approx(expected)


def test_parzen_notices_samples_that_are_elsewhere():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 5))
    near = metrics.parzen_log_likelihood(rng.normal(size=(1500, 5)), x, 0.5)
    assert near > metrics.parzen_log_likelihood(rng.normal(size=(1500, 5)) + 1, x, 0.5) + 1


def test_the_nearest_sample_tells_the_class_unless_labels_are_shuffled():
    rng = np.random.default_rng(0)
    label, real_label = rng.integers(0, 4, 300), rng.integers(0, 4, 200)
    centres = 10 * rng.normal(size=(4, 6))
    x, real = (centres[of] + rng.normal(size=(len(of), 6)) for of in (label, real_label))
    assert metrics.nearest_neighbour_error(x, label, real, real_label) == 0
    shuffled = rng.permutation(label)
    assert metrics.nearest_neighbour_error(x, shuffled, real, real_label) == pytest.approx(
        0.75, abs=0.2
    )


def test_distance_within_classes_is_of_pairs_and_0_for_one_picture_a_class():
    x, label = np.array([[0.0], [3.0], [10.0], [11.0], [12.0]]), np.array([0, 0, 1, 1, 1])
    expected = (3 + (1 + 1 + 2) / 3) / 2
    assert metrics.distance_within_classes(x, label) == pytest.approx(expected)
    assert metrics.distance_within_classes(np.zeros((4, 2)), np.array([0, 0, 1, 1])) == 0


# ---------------------------------------------------------------- patches


def images(n=20, side=28, seed=0):
    return np.random.default_rng(seed).normal(size=(n, side, side, 1)).astype(np.float32)


def test_a_pyramid_has_a_level_for_each_half_and_loses_nothing():
    x = images(2)
    smooth = metrics._halved(x)
    assert smooth.shape == (2, 14, 14, 1)
    assert [level.shape for level in metrics.patches(x, 5)] == [(10, 49), (10, 49)]
    assert [len(metrics.patches(images(1, side), 3)) for side in (6, 8, 28, 64)] == [1, 1, 2, 4]
    flat = np.full([1, 28, 28, 1], 0.3, np.float32)  # all of it is in the smooth rest
    edges, rest = metrics.patches(flat, 4)
    np.testing.assert_allclose(edges, 0, atol=1e-6)
    np.testing.assert_allclose(rest, 0.3, atol=1e-6)


def test_the_patch_distance_is_0_for_itself_and_counts_contrast():
    a = metrics.patches(images(100))
    assert metrics.patch_distance(a, a) == 0
    again = metrics.patch_distance(metrics.patches(images(100, seed=1)), a)
    weaker = metrics.patch_distance(metrics.patches(0.5 * images(100, seed=1)), a)
    assert again < 0.1 * weaker
    # Half of a normal distribution is E|x| / 2 = .4 standard deviations from it, in any direction.
    pure = [np.random.default_rng(0).normal(size=(5_000, 49)).astype(np.float32)]
    assert metrics.patch_distance([0.5 * pure[0]], pure) == pytest.approx(400, rel=0.05)


def test_the_divergence_of_modes_is_0_for_even_ones_and_log_m_for_one_alone():
    centres = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0]])
    far = metrics.nearest_modes(np.array([[0.1, -9.0], [7.0, 0.4], [0.9, 0.8]]), centres)
    assert far.tolist() == [0, 1, 3]
    assert metrics.mode_divergence(np.arange(8) % 4, 4) == pytest.approx(0)
    assert metrics.mode_divergence(np.zeros(9, int), 4) == pytest.approx(np.log(4))
    half = metrics.mode_divergence(np.array([0, 0, 1, 1]), 4)
    assert half == pytest.approx(np.log(2))
