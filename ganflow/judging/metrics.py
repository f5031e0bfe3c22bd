"""How good samples are: figures on arrays, in float64, with NumPy, SciPy and scikit-learn alone.

    Frechet distance                    1706.08500
    kernel distance (KID)               1801.01401
    precision, recall                   1904.06991
    density, coverage                   2002.09797
    Parzen log-likelihood               1406.2661, its authors' parzen_ll.py
    1-nearest-neighbour error           1511.06434, its supplement
    modes, high-quality samples         1712.04086 (PacGAN)
    sliced Wasserstein distance         Bonneel et al. 2015
    the same of patches                 1710.10196 (progressive GANs)

Nothing here knows where features come from; `ganflow.judging.evaluation` does. Every figure depends
on how many examples went in: whoever prints one prints their number beside it.
"""

import numpy as np

_ROWS = 1_000  # of a matrix of distances held at a time: 10,000 columns of float64 are 80 MB


# ---------------------------------------------------------------- two sets of features


def moments(features: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Mean [d] and unbiased covariance (n - 1) [d, d] of features [n, d], n at least 2, float64."""
    features = np.asarray(features, np.float64)
    return features.mean(axis=0), np.atleast_2d(np.cov(features, rowvar=False))


def frechet_distance(
    mean_a: np.ndarray, cov_a: np.ndarray, mean_b: np.ndarray, cov_b: np.ndarray
) -> float:
    """|mean_a - mean_b|^2 + tr(A + B - 2 (A B)^(1/2)): 2-Wasserstein squared of two Gaussians.

    The trace of the root is the sum of the roots of the eigenvalues of A B, which are those of the
    symmetric A^(1/2) B A^(1/2). So no matrix root of A B is taken, and nothing can turn complex;
    eigenvalues that rounding puts below zero count as zero, which also makes fewer examples than
    features harmless. From samples the estimate is biased upwards by about O(1/n), the means and
    covariances being unbiased or not: compare only at equal n, and with real against real.

    Args:
      mean_a, mean_b: [d].
      cov_a, cov_b: [d, d], symmetric.

    Source: 1706.08500.
    """
    from scipy import linalg

    values, vectors = linalg.eigh(cov_a)
    root_a = (vectors * np.sqrt(values.clip(min=0))) @ vectors.T
    values = linalg.eigvalsh(root_a @ cov_b @ root_a)
    trace_of_root = np.sqrt(values.clip(min=0)).sum()
    distance = np.sum((mean_a - mean_b) ** 2) + np.trace(cov_a) + np.trace(cov_b)
    return float(max(distance - 2 * trace_of_root, 0.0))  # rounding may end just below 0


def kernel_distances(a: np.ndarray, b: np.ndarray, block: int = 1_000) -> np.ndarray:
    """Unbiased squared maximum mean discrepancy of each block: [number of blocks].

    The kernel is (x y / d + 1)^3. The mean over blocks is the kernel (inception) distance; being
    unbiased, it can be below 0 where the sets do not differ. Rows beyond the last whole block are
    not used; where one set is smaller than a block, its size is the block.

    Args:
      a, b: features [n, d] and [m, d], at least 2 each.
      block: examples of each set in a block.

    Source: 1801.01401.
    """
    from sklearn.metrics.pairwise import polynomial_kernel

    block = min(block, len(a), len(b))
    distances = []
    for start in range(0, min(len(a), len(b)) - block + 1, block):
        x, y = (np.asarray(s[start : start + block], np.float64) for s in (a, b))
        within = [polynomial_kernel(s, degree=3, gamma=1 / s.shape[1], coef0=1) for s in (x, y)]
        across = polynomial_kernel(x, y, degree=3, gamma=1 / x.shape[1], coef0=1)
        pairs = block * (block - 1)  # an example is not compared with itself
        same = sum((kernel.sum() - np.trace(kernel)) / pairs for kernel in within)
        distances.append(same - 2 * across.mean())
    return np.array(distances)


def neighbour_radii(features: np.ndarray, k: int = 5) -> np.ndarray:
    """Distance from each example to its k-th nearest other one: [n, d] -> [n], n above k."""
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=k, algorithm="brute").fit(np.asarray(features, np.float64))
    return index.kneighbors()[0][:, -1]  # without an argument an example is not its own neighbour


def precision_recall_density_coverage(
    real: np.ndarray, fake: np.ndarray, k: int = 5, real_radii: np.ndarray | None = None
) -> dict[str, float]:
    """How far two sets lie in each other's balls; a ball reaches to the k-th nearest neighbour.

        precision   share of fakes in some real ball
        recall      share of reals in some fake ball
        density     real balls around a fake, divided by k; 1 is expected of equal distributions
        coverage    share of reals whose ball holds a fake; about 1 - 2^-k is expected

    Args:
      real, fake: features [n, d] and [m, d], both above k. Take n = m: coverage depends on it.
      real_radii: `neighbour_radii(real, k)`, where it is known already.

    Source: 1904.06991 for the first two, 2002.09797 for the others.
    """
    from sklearn.metrics import pairwise_distances_chunked

    real, fake = np.asarray(real, np.float64), np.asarray(fake, np.float64)
    if real_radii is None:
        real_radii = neighbour_radii(real, k)
    fake_radii = neighbour_radii(fake, k)
    balls_around_fake, recalled, covered = np.zeros(len(fake)), [], []
    megabytes = 8 * _ROWS * len(fake) / 2**20
    first = 0
    for distances in pairwise_distances_chunked(real, fake, working_memory=max(1, megabytes)):
        radii = real_radii[first : first + len(distances), np.newaxis]
        first += len(distances)
        inside = distances <= radii
        balls_around_fake += inside.sum(axis=0)
        covered.append(inside.any(axis=1))
        recalled.append((distances <= fake_radii).any(axis=1))
    return {
        "precision": float(np.mean(balls_around_fake > 0)),
        "recall": float(np.concatenate(recalled).mean()),
        "density": float(balls_around_fake.mean() / k),
        "coverage": float(np.concatenate(covered).mean()),
    }


# ---------------------------------------------------------------- classes


def class_shares(label: np.ndarray, num_classes: int) -> np.ndarray:
    """The share of each class among labels [n]: [num_classes], of sum 1."""
    return np.bincount(label, minlength=num_classes) / len(label)


def entropy(shares: np.ndarray) -> float:
    """Entropy in nats: 0 for one class alone, log(10) = 2.303 for ten equal ones."""
    from scipy import special  # not `stats`, which takes a second to import

    return float(special.entr(shares).sum())


def nearest_neighbour_error(
    samples: np.ndarray, label: np.ndarray, x: np.ndarray, x_label: np.ndarray
) -> float:
    """Share of real examples whose nearest sample was asked to be of another class.

    Args:
      samples, label: generated, [n, d], and the classes they were asked to be, [n].
      x, x_label: real ones, [m, d] and [m].

    Source: 1511.06434, the supplement; the classifier learns from generated examples alone.
    """
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(samples)
    nearest = index.kneighbors(x, return_distance=False)[:, 0]
    return float(np.mean(label[nearest] != x_label))


def distance_within_classes(x: np.ndarray, label: np.ndarray, most: int = 500) -> float:
    """Mean distance of two examples of one class, the mean over the classes.

    Of a generator that has one picture for each class it is 0.

    Args:
      x: examples [n, d].
      label: [n], at least two of each class that occurs.
      most: so many of a class are looked at.
    """
    from scipy.spatial import distance

    of_classes = [x[label == c][:most] for c in np.unique(label)]
    return float(np.mean([distance.pdist(some).mean() for some in of_classes]))


# ---------------------------------------------------------------- pixels, without any network


def patches(images: np.ndarray, a_image: int = 64, side: int = 7) -> list[np.ndarray]:
    """Random patches of each level of the images' Laplacian pyramid.

    A level is what the next, smoother one lacks: strokes' edges and lone pixels stand in the first.
    The last is the smooth rest. A level has half the side of the one before, down to `side` + 1.

    Args:
      images: [n, h, w, c].
      a_image: patches of an image on each level; where they are depends on nothing but numbers.
      side: of a patch, in pixels; of smaller images, theirs.

    Returns:
      [n * a_image, side * side * c] of each level.

    Source: 1710.10196, section 5.
    """
    random, levels, x = np.random.RandomState(0), [], np.asarray(images, np.float32)
    side = min(side, *x.shape[1:3])
    while True:
        smooth = _halved(x)
        last = min(smooth.shape[1:3]) <= side
        level = x if last else x - _doubled(smooth, x.shape)
        rows, columns = (random.randint(0, n - side + 1, [len(x), a_image]) for n in x.shape[1:3])
        windows = np.lib.stride_tricks.sliding_window_view(level, (side, side), axis=(1, 2))
        chosen = windows[np.arange(len(x))[:, np.newaxis], rows, columns]
        levels.append(chosen.reshape(len(x) * a_image, -1))
        if last:
            return levels
        x = smooth


def patch_distance(a: list[np.ndarray], b: list[np.ndarray], directions: int = 64) -> float:
    """Mean sliced Wasserstein distance of two sets of `patches`, the mean over the levels, x 1000.

    On each level, numbers are in units of the standard deviation of `b`, the real side, so that
    too much contrast counts as well (the source takes each set's own).

    Args:
      a, b: of `patches`, of as many images.
      directions: random ones, the same every time.

    Source: 1710.10196, section 5.
    """
    random, found = np.random.RandomState(1), []
    for of_a, of_b in zip(a, b, strict=True):
        axes = random.normal(size=[of_a.shape[1], directions]).astype(np.float32)
        axes /= np.linalg.norm(axes, axis=0)
        along_a, along_b = (np.sort(patch @ axes, axis=0) for patch in (of_a, of_b))
        distance = np.abs(along_a - along_b).mean(dtype=np.float64)
        found.append(distance / max(of_b.std(dtype=np.float64), 1e-12))
    return 1_000 * float(np.mean(found))


_BINOMIAL = np.array([1, 4, 6, 4, 1], np.float32) / 16


def _halved(x: np.ndarray) -> np.ndarray:
    from scipy import ndimage

    for axis in (1, 2):
        x = ndimage.convolve1d(x, _BINOMIAL, axis=axis, mode="mirror")
    return x[:, ::2, ::2]


def _doubled(x: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Zeros in between, smoothed, to the size of `shape`."""
    from scipy import ndimage

    large = np.zeros(shape, np.float32)
    large[:, ::2, ::2] = x
    for axis in (1, 2):
        large = ndimage.convolve1d(large, 2 * _BINOMIAL, axis=axis, mode="mirror")
    return large


# ---------------------------------------------------------------- likelihood


def parzen_log_likelihood(samples: np.ndarray, x: np.ndarray, sigma: float) -> float:
    """Mean log-density, in nats, of examples under a Gaussian at each sample.

    An estimate of high variance; of sharp real images it is lower than of k-means' centres
    (1511.01844), so a figure above that of real training images is no praise.

    Args:
      samples: the Gaussians' centres [n, d].
      x: examples [m, d], in the same units.
      sigma: the Gaussians' standard deviation.

    Source: 1406.2661, section 5, and its authors' parzen_ll.py.
    """
    from scipy import special

    samples, x = np.asarray(samples, np.float64), np.asarray(x, np.float64)
    squares = np.sum(samples**2, axis=1)
    whole = 0.0
    for start in range(0, len(x), _ROWS):
        some = x[start : start + _ROWS]
        distances = np.sum(some**2, axis=1)[:, np.newaxis] + squares - 2 * some @ samples.T
        whole += special.logsumexp(-distances.clip(min=0) / (2 * sigma**2), axis=1).sum()
    normalizer = np.log(len(samples)) + x.shape[1] * np.log(sigma * np.sqrt(2 * np.pi))
    return float(whole / len(x) - normalizer)


# ---------------------------------------------------------------- points in the plane


def sliced_wasserstein(a: np.ndarray, b: np.ndarray, directions: int = 64) -> float:
    """Mean over directions of the 1-Wasserstein distance of the points' projections.

    The directions are evenly spaced over the half circle, so the figure has no randomness of its
    own. Moving one set by v changes it by up to 2/pi |v|.

    Args:
      a, b: points [n, 2] and [m, 2].
    """
    from scipy import stats

    angle = np.pi * (np.arange(directions) + 0.5) / directions
    axes = np.stack([np.cos(angle), np.sin(angle)])  # [2, directions]
    a, b = np.asarray(a, np.float64) @ axes, np.asarray(b, np.float64) @ axes
    distances = [stats.wasserstein_distance(a[:, i], b[:, i]) for i in range(directions)]
    return float(np.mean(distances))


def mode_figures(points: np.ndarray, centres: np.ndarray, std: float) -> dict[str, float]:
    """Which modes of a mixture of round Gaussians are there, and how well points keep to them.

        modes_captured      modes with at least one point within 3 standard deviations
        high_quality_3std   share of the points within 3 of the nearest centre (real: .9889)
        high_quality_5std   the same within 5 (real: .999996)
        mode_share_I        share of the points within 3 of centre I; they sum to high_quality_3std

    Args:
      points: [n, 2].
      centres: [m, 2], further apart than 6 std.
      std: of every mode, in both axes.

    Source: 1712.04086.
    """
    distance, nearest = _to_nearest(points, centres)
    good = distance <= 3 * std
    shares = np.bincount(nearest[good], minlength=len(centres)) / len(points)
    return {
        "modes_captured": float(np.count_nonzero(shares)),
        "high_quality_3std": float(good.mean()),
        "high_quality_5std": float(np.mean(distance <= 5 * std)),
        **{f"mode_share_{i}": float(share) for i, share in enumerate(shares)},
    }


def nearest_modes(points: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """The nearest of centres [m, 2] to each of points [n, 2], however far: [n]."""
    return _to_nearest(points, centres)[1]


def mode_divergence(mode: np.ndarray, num_modes: int) -> float:
    """KL divergence, in nats, of the shares of modes [n] from even ones: 0 is best, log m is worst.

    From n samples of even modes it is about (m - 1) / (2 n).

    Source: 1712.04086, section 4 ("reverse KL").
    """
    return float(np.log(num_modes) - entropy(class_shares(mode, num_modes)))


def _to_nearest(points: np.ndarray, centres: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    from sklearn.neighbors import NearestNeighbors

    index = NearestNeighbors(n_neighbors=1).fit(np.asarray(centres, np.float64))
    distance, nearest = index.kneighbors(np.asarray(points, np.float64))
    return distance[:, 0], nearest[:, 0]
