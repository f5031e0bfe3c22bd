"""The judge of samples: what is real is read once, then any number of samples is scored.

Images are compared through the features of a classifier trained on the same data set
(`ganflow.judging.classifier`), or of a network of the user's own. Figures of one judge are
comparable with each other and with nothing else: not with another data set's, nor with published
FIDs.

The real side is the held-out one, which no training sees (`data.load_both`), so that a generator
which merely repeats training images cannot do better than the training images themselves, whose
figures are the floor.
"""

import dataclasses
import functools
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from absl import logging

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.judging import classifier_cache, metrics, splits
from ganflow.judging import features as networks
from ganflow.judging.classifier import POOLED, Classifier

K = 5  # neighbours of precision, recall, density and coverage
KID_BLOCK = 1_000
_NEAR = 500  # samples whose nearest training image is searched: 500 x 60,000 take a second
_PATCHED, _PATCHES = 1_000, 64  # images, and patches of each
MIN_SAMPLES = 10
_JUDGED_AS = {"mnist_55000": "mnist"}  # parts, by the whole


class Figure(NamedTuple):
    """One figure, and how many examples it was taken from."""

    value: float
    samples: int
    real: int  # 0 where none were needed


@dataclasses.dataclass(frozen=True, eq=False)
class Judge:
    """Holds the real side, computed once; scores samples.

    Images; those of features and of classes only where there are labels, or other features:
        frechet_distance, kid, kid_std   of features; 0 is best (kid_std: spread over the blocks)
        second_frechet_distance   the same of the second classifier's, where it was asked for
        patch_distance   sliced Wasserstein distance of patches, without any network; 0 is best
        precision, recall, density, coverage   of features, 5 neighbours
        nearest_neighbour_ratio   mean distance of samples to their nearest training image, in
            pixels, over that of held-out images: about 0 for copies of training images. Well below
            1 it can also mean blur, for a blurred image is near to everything
        class_entropy (nats), class_0, class_1, ...   of the classifier's decisions
        conditional_accuracy   share of samples that the classifier takes for their label
    Points:
        sliced_wasserstein   0 is best
        modes_captured, high_quality_3std, high_quality_5std, mode_share_0, ...   of mixtures
    """

    num: int  # samples wanted for one evaluation: as many as the floor is taken from
    example_shape: tuple[int, ...]
    noise: np.ndarray  # the worst that is meant to be scored: [num, ...]
    about: dict  # JSON: where the real side and the features come from
    _real: "_Images | _Points"

    def figures(self, samples: np.ndarray, labels: np.ndarray | None = None) -> dict[str, float]:
        """The figures of samples, all finite; of at least 10, best of `num`.

        Args:
          samples: float32 images [n, h, w, c] in [-1, 1], or points [n, 2].
          labels: the class each sample was asked to be, int [n].

        Raises:
          InputError: too few samples, of another shape, not finite, or labels that do not fit.
        """
        return {name: figure.value for name, figure in self.measured(samples, labels).items()}

    def measured(self, samples: np.ndarray, labels: np.ndarray | None = None) -> dict[str, Figure]:
        """`figures`, each with the numbers of samples and of real examples behind it."""
        if samples.shape[1:] != self.example_shape:
            raise InputError(
                f"samples: found the shape {samples.shape[1:]}, expected {self.example_shape}"
            )
        if len(samples) < MIN_SAMPLES:
            raise InputError(
                f"samples: found {len(samples)}, expected at least {MIN_SAMPLES}; make more"
            )
        if labels is not None and len(labels) != len(samples):
            raise InputError(f"labels: found {len(labels)}, expected {len(samples)}, one a sample")
        if not np.isfinite(samples).all():
            raise InputError("samples: found values that are not finite; the model has diverged")
        return self._real.measure(samples, labels)

    @property
    def real_points(self) -> np.ndarray | None:
        """The points that samples are compared with, [n, 2]; None for images."""
        return self._real.real if isinstance(self._real, _Points) else None

    @functools.cached_property
    def floor(self) -> dict[str, Figure]:
        """Real against real: what a perfect generator would reach.

        `num` training examples are the samples. For nearest_neighbour_ratio, where those would
        find themselves, it is further held-out images.
        """
        return self._real.floor(self.num)


def judged_as(name: str) -> str:
    """The data set by which samples of the data set `name` are judged: mostly itself.

    A part of a data set is judged as the whole is, by the same classifier and the same real side,
    so that the figures can be compared.
    """
    return _JUDGED_AS.get(name, name)


def make_judge(
    train: data.Dataset,
    held_out: data.Dataset | None,
    num: int = 10_000,
    features: Path | None = None,
    second: bool = False,
    field: str = "x",
) -> Judge:
    """Read the real side; trains the judging classifier where the cache has none.

    Args:
      train: what models train on; of a part, the whole, see `judged_as`.
      held_out: what was set aside before training.
      num: samples wanted for one evaluation. Lowered, with a log line, where there are fewer
        training examples, for the floor must be of the same number.
      features: a SavedModel folder or .keras file whose features replace the classifier's; the
        classes are still told by the classifier, if the data have labels. Without either, images
        are judged by what needs no network, which is logged.
      second: also judge images with labels by a second classifier, of another architecture.
      field: what samples should look like: "b" of a data set of two domains.

    Raises:
      InputError: no such field, too few examples, or `features` that cannot be used.
    """
    if field not in train.fields:
        raise InputError(
            f"data set {train.name}: found no field {field}, and samples are compared with "
            f"{field}; call the examples that they should look like {field}"
        )
    if num < MIN_SAMPLES:
        raise InputError(f"--num={num}: expected at least {MIN_SAMPLES} samples to judge by")
    sha256, train = train.sha256, train.alone(field)
    held_out = held_out if held_out is None else held_out.alone(field)
    train, real = splits.checked(train, held_out)
    if len(train.x) < num:
        logging.info(
            "data set %s: has %d examples besides the held-out ones, so %d samples are judged, "
            "not %d: the floor must be of the same number",
            *(train.name, len(train.x), len(train.x), num),
        )
        num = len(train.x)
    about = {
        "dataset": train.name,
        "data_sha256": sha256,
        "held_out": real.part,
        "num_train": len(train.x),
        "num_held_out": len(real.x),
    }
    about |= {} if field == "x" else {"field": field}
    side: _Images | _Points
    if train.is_points:
        side = _read_points(train, real, num, field)
        low, high = real.x.min(axis=0), real.x.max(axis=0)
    else:
        side, low, high = _read_images(train, real, num, features, second), -1, 1
        about |= side.about()
    random = np.random.default_rng(0)
    noise = random.uniform(low, high, (num, *train.example_shape)).astype(np.float32)
    return Judge(num, train.example_shape, noise, about, side)


# ---------------------------------------------------------------- images


@dataclasses.dataclass(frozen=True, eq=False)
class _Features:
    """Of the held-out images, in their fixed order."""

    values: np.ndarray  # [n, features]
    moments: tuple[np.ndarray, np.ndarray]
    radii: np.ndarray  # of as many as take part in precision and its kin

    def frechet_distance(self, found: np.ndarray) -> Figure:
        """Of features of samples, [n, features]."""
        distance = metrics.frechet_distance(*metrics.moments(found), *self.moments)
        return Figure(distance, len(found), len(self.values))

    def further(self, found: np.ndarray) -> dict[str, Figure]:
        """KID, precision and its kin."""
        n, figures = len(found), {}
        blocks = metrics.kernel_distances(found, self.values, KID_BLOCK)
        used = len(blocks) * min(KID_BLOCK, n, len(self.values))
        figures["kid"] = Figure(float(blocks.mean()), used, used)
        if len(blocks) > 1:
            figures["kid_std"] = Figure(float(blocks.std(ddof=1)), used, used)
        m = min(n, len(self.radii))
        radii = self.radii if m == len(self.radii) else None
        balls = metrics.precision_recall_density_coverage(self.values[:m], found[:m], K, radii)
        return figures | {name: Figure(value, m, m) for name, value in balls.items()}


@dataclasses.dataclass(frozen=True, eq=False)
class _Images:
    train: data.Dataset
    real_x: np.ndarray  # the held-out images in a fixed random order
    judging: Classifier | None
    network: networks.Network | None
    real: _Features | None  # None without labels and without a network
    index: Any  # a NearestNeighbors of the training images' pixels
    near: int  # images whose nearest neighbour is searched
    usual_distance: float  # from the first `near` held-out images to the training images
    patches: list[np.ndarray]  # of the first held-out images
    second: Classifier | None
    second_moments: tuple[np.ndarray, np.ndarray] | None  # by the second one

    def about(self) -> dict:
        """What the features are and how well classes are told."""
        parts: dict[str, Any] = {
            "classifier": self.judging,
            "second_classifier": self.second,
            "features": self.network,
        }
        return {name: part.about for name, part in parts.items() if part is not None}

    def measure(self, samples: np.ndarray, labels: np.ndarray | None) -> dict[str, Figure]:
        """The figures of images in [-1, 1]."""
        n = len(samples)
        features, classes = _read(samples, self.judging, self.network)
        figures = {}
        if self.real is not None:
            figures["frechet_distance"] = self.real.frechet_distance(features)

        if self.second is not None:
            seen = metrics.moments(self.second.read(samples)[0])
            distance = metrics.frechet_distance(*seen, *self.second_moments)
            figures["second_frechet_distance"] = Figure(distance, n, len(self.real_x))

        k = min(n, len(self.real_x), _PATCHED)
        of_real = [level[: k * _PATCHES] for level in self.patches]
        distance = metrics.patch_distance(metrics.patches(samples[:k], _PATCHES), of_real)
        figures["patch_distance"] = Figure(distance, k, k)

        if self.real is not None:
            figures |= self.real.further(features)
        figures |= self.nearest_neighbour_ratio(samples[: self.near])
        if classes is not None:
            shares = metrics.class_shares(classes, self.judging.num_classes)
            figures["class_entropy"] = Figure(metrics.entropy(shares), n, 0)
            figures |= {f"class_{i}": Figure(float(s), n, 0) for i, s in enumerate(shares)}
            if labels is not None:
                accuracy = float(np.mean(classes == labels))
                figures["conditional_accuracy"] = Figure(accuracy, n, 0)
        return figures

    def nearest_neighbour_ratio(self, x: np.ndarray) -> dict[str, Figure]:
        """Empty where the held-out images are copies of training images, so have no distance."""
        if self.usual_distance == 0:
            return {}
        ratio = _nearest_distance(self.index, x) / self.usual_distance
        return {"nearest_neighbour_ratio": Figure(ratio, len(x), len(self.train.x))}

    def floor(self, num: int) -> dict[str, Figure]:
        """The figures of training images; but see `Judge.floor` on the nearest neighbour."""
        chosen = np.random.RandomState(1).permutation(len(self.train.x))[:num]
        labels = None if self.train.label is None else self.train.label[chosen]
        figures = self.measure(data.decoded(self.train.x[chosen]).numpy(), labels)
        return figures | self.nearest_neighbour_ratio(self.real_x[self.near : 2 * self.near])


def _read_images(
    train: data.Dataset, held_out: data.Dataset, num: int, features: Path | None, second: bool
) -> _Images:
    """Everything about real images that does not depend on samples."""
    from sklearn.neighbors import NearestNeighbors

    judging = network = other = other_moments = None
    if features is not None:
        network = networks.load(features, train.example_shape)
    if train.label is not None:
        judging = classifier_cache.trained(train, held_out, seed=0)
    elif features is None:
        logging.warning(
            "data set %s: has no labels, so no classifier judges, and there are only figures that "
            "need none; --features=PATH, a SavedModel or .keras file, gives the others",
            train.name,
        )
    real_x = held_out.x[np.random.RandomState(0).permutation(len(held_out.x))]
    values, _ = _read(real_x, judging, network)
    real = None
    if values is not None:
        radii = metrics.neighbour_radii(values[:num], K)
        real = _Features(values, metrics.moments(values), radii)
    if second and train.label is not None:
        other = classifier_cache.trained(train, held_out, seed=2, architecture=POOLED)
        other_moments = metrics.moments(other.read(real_x)[0])
    index = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(_flat(train.x))
    near = min(_NEAR, len(real_x) // 2)
    usual = _nearest_distance(index, real_x[:near])
    if usual == 0:
        logging.warning(
            "data set %s: held-out images are copies of training images, so there is no "
            "nearest_neighbour_ratio",
            train.name,
        )
    return _Images(
        train=train,
        real_x=real_x,
        judging=judging,
        network=network,
        real=real,
        index=index,
        near=near,
        usual_distance=usual,
        patches=metrics.patches(data.decoded(real_x[:_PATCHED]).numpy(), _PATCHES),
        second=other,
        second_moments=other_moments,
    )


def _read(x, judging, network):
    """Features, the network's before the classifier's, and classes; None where nothing tells."""
    features, classes = judging.read(x) if judging is not None else (None, None)
    return (features if network is None else network.read(x)), classes


def _nearest_distance(index, x: np.ndarray) -> float:
    """Mean Euclidean distance of images to their nearest in the index, pixels in [-1, 1]."""
    return float(index.kneighbors(_flat(x))[0].mean())


def _flat(x: np.ndarray) -> np.ndarray:
    return data.decoded(x).numpy().reshape(len(x), -1)


# ---------------------------------------------------------------- points


@dataclasses.dataclass(frozen=True, eq=False)
class _Points:
    judged: np.ndarray  # [num, 2], for the floor
    real: np.ndarray  # [n, 2], n at most num
    modes: tuple[np.ndarray, float] | None

    def measure(self, samples: np.ndarray, labels: np.ndarray | None) -> dict[str, Figure]:
        """The figures of points [n, 2]."""
        n = len(samples)
        distance = metrics.sliced_wasserstein(samples, self.real)
        figures = {"sliced_wasserstein": Figure(distance, n, len(self.real))}
        if self.modes is not None:
            modes = metrics.mode_figures(samples, *self.modes)
            figures |= {name: Figure(value, n, 0) for name, value in modes.items()}
        return figures

    def floor(self, num: int) -> dict[str, Figure]:
        """The figures of real points other than those compared with."""
        return self.measure(self.judged[:num], None)


def _read_points(train: data.Dataset, held_out: data.Dataset, num: int, field: str) -> _Points:
    random = np.random.RandomState(1)
    judged, real = (x[random.permutation(len(x))[:num]] for x in (train.x, held_out.x))
    return _Points(judged, real, data.modes(train.name, field))
