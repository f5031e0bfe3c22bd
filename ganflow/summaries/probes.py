"""Figures by which a run's health is judged, taken at each summary; `diagnosis` judges.

Every figure is a pure function of what a run has at a summary anyway, and costs some milliseconds
for 64 images or 1,000 points.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from ganflow.summaries.cells import Cells
from ganflow.summaries.patches import Patches

# tanh' is below .02 beyond it, a fiftieth of its slope at 0.
LIMIT = 0.99
SATURATED_LOGIT = 7.0  # the sigmoid is within .001 of 0 or 1
# A mode counts as reached where a tenth of its fair share of the samples is nearer to it than to
# any other. Precision is not asked for: early on, healthy samples lie between the modes.
REACHED_SHARE = 0.1
# Distances are between so many, every fourth of 1,000 (whose pairs take 10 ms), for data may come
# in order, as the points of the circle do.
DISTANCE_EXAMPLES = 250


@dataclasses.dataclass(frozen=True, eq=False)
class Evidence:
    """What a run knows at a summary: plain numbers and arrays."""

    step: int
    rows: list[dict]  # of metrics.jsonl up to and with this summary's; earlier ones with `probes`
    samples: np.ndarray  # of the same z at every summary: [n, h, w, c] in [-1, 1], or points [n, 2]
    real: np.ndarray  # as many real examples
    real_scores: np.ndarray | None  # D's outputs on `real` before any sigmoid, [n]; None: no D
    fake_scores: np.ndarray | None  # the same on `samples`
    boundary: float | None = 0.0  # beyond it D says "real"; None: a critic, which has none
    higher_is_real: bool = True
    # "generator/relu_1" -> that layer's outputs [n, ..., units], G's on the z of `samples`, D's on
    # `real` (on samples that are alike, living units would look dead)
    activations: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    modes: tuple[np.ndarray, float] | None = None  # as `data.modes` gives them
    cells: Cells | None = None  # of real examples, for as many samples as there are
    patches: Patches | None = None  # of real images
    settings: Mapping[str, Any] = dataclasses.field(default_factory=dict)  # see `advice`

    @property
    def is_points(self) -> bool:
        """Whether the examples are points."""
        return self.samples.ndim == 2

    @property
    def is_logit(self) -> bool:
        """Whether sigmoid(score) is D's probability of "real"."""
        return self.real_scores is not None and self.boundary == 0.0 and self.higher_is_real


def probes(evidence: Evidence) -> dict[str, float]:
    """Columns of `metrics.jsonl` that `diagnose` looks for at later summaries.

        pairwise_distance_ratio   mean distance between samples over that between real examples
        energy_distance_ratio     2 E|x - y| - E|x - x'| - E|y - y'| of samples x and real y, over
                                  E|y - y'|: 0 where they are alike (Szekely and Rizzo 2013)
        cells_ratio               of how many kinds samples are, over what real ones come to: the
                                  kinds are cells of k-means over real examples, see `cells`
        patch_distance_ratio      the energy distance of pieces of 5 x 5 pixels (images)
        modes_captured            of a mixture: with a sample within 3 standard deviations
        modes_reached             of a mixture: nearest to a tenth of a fair share of the samples
        d_accuracy_real, d_accuracy_fake   shares that D takes for what they are (boundary)
        d_ranking                 share of (real, fake) pairs in which the real one is scored as
                                  the more real (all but logits)
        d_saturated_share         of D's sigmoids, within .001 of 0 or 1 (logits)
        saturated_share           of G's outputs, beyond .99 of their limits (images)
        saturated_units_share     the same in the worst hidden tanh or sigmoid layer, if any
        dead_units_share          units that are 0 for all examples, in the worst ReLU layer, if any

    All are of one moment, on the same examples every time and without dropout. A row's d_real and
    d_fake are means over a summary's steps, as trained, dropout included: the two may disagree.

    A figure that rests on a value that is not finite is left out.
    """
    figures = {}
    samples, real = _flat(evidence.samples), _flat(evidence.real)
    if is_finite(samples) and is_finite(real):
        figures |= _distances(samples, real)
        if evidence.cells is not None:
            figures["cells_ratio"] = evidence.cells.ratio(samples)
        if evidence.patches is not None:
            figures["patch_distance_ratio"] = evidence.patches.distance(evidence.samples)
        if evidence.modes is not None:
            figures |= _mode_figures(samples, *evidence.modes)
        if evidence.samples.ndim > 2:
            figures["saturated_share"] = np.mean(np.abs(samples) >= LIMIT)
    if evidence.real_scores is not None:
        figures |= _score_figures(evidence)
    if layers := saturated_layers(evidence):
        figures["saturated_units_share"] = max(layers.values())
    if layers := dead_layers(evidence):
        figures["dead_units_share"] = max(layers.values())
    return {name: float(value) for name, value in figures.items()}


def taken_for_real(
    scores: np.ndarray, boundary: float | None, higher_is_real: bool
) -> float | None:
    """The share of scores beyond the boundary; None where there is none, or none is finite."""
    if boundary is None or not is_finite(scores):
        return None
    return float(np.mean(scores > boundary if higher_is_real else scores < boundary))


def saturated_layers(evidence: Evidence) -> dict[str, float]:
    """Share of outputs at their limits, of each hidden tanh or sigmoid layer; G's last is none."""
    shares = {}
    for name, kind, output in _layers_of(evidence, "tanh", "sigmoid"):
        if output.size != evidence.samples.size and output.shape[-1] > 1:
            outward = np.abs(output if kind == "tanh" else 2 * output - 1)
            shares[name] = float(np.mean(outward >= LIMIT))
    return shares


def dead_layers(evidence: Evidence) -> dict[str, float]:
    """Share of the units of each ReLU layer that never fired; a map of pixels is one unit."""
    return {
        name: float(np.mean(output.max(axis=0) <= 0))
        for name, _, output in _layers_of(evidence, "relu")
    }


def mean_probabilities(evidence: Evidence) -> tuple[float, float]:
    """D's mean outputs (on real, on generated) with the sigmoid, where scores are logits."""
    from scipy.special import expit

    real, fake = evidence.real_scores, evidence.fake_scores
    return float(expit(_flat(real)).mean()), float(expit(_flat(fake)).mean())


def is_finite(x) -> bool:
    """Whether no value of an array is infinite or not a number."""
    return bool(np.isfinite(x).all())


def _score_figures(evidence: Evidence) -> dict[str, float]:
    real, fake = (np.ravel(s) for s in (evidence.real_scores, evidence.fake_scores))
    if not (is_finite(real) and is_finite(fake)):
        return {}
    figures, meaning = {}, (evidence.boundary, evidence.higher_is_real)
    if evidence.boundary is not None:
        figures["d_accuracy_real"] = taken_for_real(real, *meaning)
        # On the other side of the boundary, so that a score on it is right for neither.
        figures["d_accuracy_fake"] = taken_for_real(-fake, -evidence.boundary, meaning[1])
    if evidence.is_logit:
        scores = np.concatenate([real, fake])
        figures["d_saturated_share"] = np.mean(np.abs(scores) > SATURATED_LOGIT)
    else:
        sign = 1 if evidence.higher_is_real else -1
        figures["d_ranking"] = _ranking(sign * real, sign * fake)
    return figures


def _flat(x: np.ndarray) -> np.ndarray:
    return np.asarray(x, np.float64).reshape(len(x), -1)


def _distances(samples: np.ndarray, real: np.ndarray) -> dict[str, float]:
    from scipy.spatial.distance import cdist, pdist

    samples, real = (x[:: math.ceil(len(x) / DISTANCE_EXAMPLES)] for x in (samples, real))
    if min(len(samples), len(real)) < 2 or not (spread := pdist(real).mean()):
        return {}
    within = pdist(samples).mean()
    return {
        "pairwise_distance_ratio": within / spread,
        "energy_distance_ratio": (2 * cdist(samples, real).mean() - within - spread) / spread,
    }


def _mode_figures(points: np.ndarray, centres: np.ndarray, std: float) -> dict[str, float]:
    from scipy.spatial.distance import cdist

    distance = cdist(points, centres)  # [n, m]
    nearest = distance.argmin(axis=1)
    good = distance.min(axis=1) <= 3 * std
    fair_share = len(points) / len(centres)
    reached = np.bincount(nearest, minlength=len(centres)) >= max(1, REACHED_SHARE * fair_share)
    return {"modes_captured": len(set(nearest[good])), "modes_reached": reached.sum()}


def _ranking(real: np.ndarray, fake: np.ndarray) -> float:
    """The area under the ROC curve; a tie counts half."""
    fake = np.sort(fake)
    below = np.searchsorted(fake, real, "left") + np.searchsorted(fake, real, "right")
    return below.mean() / 2 / len(fake)


def _layers_of(evidence: Evidence, *kinds: str) -> Iterator[tuple[str, str, np.ndarray]]:
    """(name, kind, outputs [n x positions, units]) of finite layers; "relu_1" is a "relu"."""
    for name, output in evidence.activations.items():
        kind = name.rpartition("/")[2].rstrip("0123456789").rstrip("_")
        if kind in kinds and is_finite(output):
            yield name, kind, np.asarray(output).reshape(-1, output.shape[-1])
