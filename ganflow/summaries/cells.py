"""Of how many kinds samples are: each real or generated example falls into the nearest of k cells.

The cells are those of k-means over real examples: strokes that lie alike, or parts of the plane. No
label and no trained judge is needed. Samples that are alike fall into one cell or two, however much
they differ pixel by pixel; real ones spread over all. After the bins of Richardson and Weiss
(1805.12462).
"""

import dataclasses
import math
from typing import Any

import numpy as np

from ganflow.judging import metrics

COUNT = 20
_EXAMPLES_A_CELL = 10  # with fewer examples than these there are no cells
_FOR_CENTRES, _FOR_USUAL = 2_000, 1_000  # real examples: k-means takes a tenth of a second


@dataclasses.dataclass(frozen=True, eq=False)
class Cells:
    """Centres, and how many cells real examples fall into."""

    centres: np.ndarray  # [k, d]
    usual: float  # exp(entropy) over the cells of as many real examples as there are samples

    def effective(self, x: np.ndarray) -> float:
        """exp(entropy) over the cells that x [n, ...] falls into: so many even ones."""
        return _effective(_nearest(x.reshape(len(x), -1), self.centres), len(self.centres))

    def ratio(self, x: np.ndarray) -> float:
        """The same over what real examples come to: about 1 where samples are of as many kinds."""
        return self.effective(x) / self.usual


def find(real: np.ndarray, num_samples: int) -> Cells | None:
    """The cells of real examples [n, ...]; None of fewer than 400, or of ones that are all alike.

    Args:
      real: some thousand, of all kinds, in an order that does not matter.
      num_samples: how many samples will be looked at: of few, even the best miss some cells.
    """
    from scipy.cluster import vq

    if len(real) < 2 * COUNT * _EXAMPLES_A_CELL or num_samples < COUNT:
        return None
    order = np.random.RandomState(0).permutation(len(real))
    flat = real.reshape(len(real), -1)[order].astype(np.float64)
    half = len(flat) // 2
    for_centres, others = flat[:half][:_FOR_CENTRES], flat[half:][:_FOR_USUAL]
    if not np.ptp(for_centres, axis=0).any():
        return None
    numbers: Any = np.random.default_rng(0)
    centres, _ = vq.kmeans2(for_centres, COUNT, minit="++", seed=numbers, missing="warn")
    places = _nearest(others, centres)
    whole = max(1, len(places) // num_samples) * num_samples
    parts = np.resize(places, whole).reshape(-1, num_samples)
    return Cells(centres, float(np.mean([_effective(part, COUNT) for part in parts])))


def _nearest(flat: np.ndarray, centres: np.ndarray) -> np.ndarray:
    # |x - c|^2 but for |x|^2, which is the same for all centres
    return (np.square(centres).sum(axis=1) - 2 * flat.astype(np.float64) @ centres.T).argmin(axis=1)


def _effective(places: np.ndarray, count: int) -> float:
    return math.exp(metrics.entropy(metrics.class_shares(places, count)))
