"""How near small pieces of generated images are to those of real ones.

Images can be as far from each other, and as near to real ones, as real ones are, pixel by pixel,
and consist of noise. Pieces of 5 x 5 pixels tell: real ones hold strokes and edges. (A slight blur
they do not tell.)
"""

import dataclasses

import numpy as np

SIDE = 5  # pixels
COUNT = 1_000  # pieces of each kind; their distances take some 30 ms


@dataclasses.dataclass(frozen=True, eq=False)
class Patches:
    """Pieces of real images, and the mean distance between them."""

    real: np.ndarray  # [COUNT, SIDE * SIDE * channels]
    spread: float

    def distance(self, images: np.ndarray) -> float:
        """The energy distance of pieces of images [n, h, w, c] to real ones, over the spread.

        2 E|x - y| - E|x - x'| - E|y - y'| (Szekely and Rizzo 2013); about 0 where they are alike,
        give or take .003 of chance.
        """
        from scipy.spatial.distance import cdist, pdist

        own = _pieces(images, seed=1)
        across = cdist(own, self.real).mean()
        return float((2 * across - pdist(own).mean() - self.spread) / self.spread)


def find(real: np.ndarray) -> Patches | None:
    """The pieces of real images [n, h, w, c]; None of other examples, or where all are alike."""
    from scipy.spatial.distance import pdist

    if real.ndim != 4 or min(real.shape[1:3]) < SIDE:
        return None
    pieces = _pieces(real, seed=0)
    spread = float(pdist(pieces).mean())
    return Patches(pieces, spread) if spread else None


def _pieces(images: np.ndarray, seed: int) -> np.ndarray:
    """Pieces at random places of random images, always the same ones."""
    random = np.random.RandomState(seed)
    count, height, width, _ = images.shape
    index = random.randint(count, size=COUNT)
    tops, lefts = (random.randint(size - SIDE + 1, size=COUNT) for size in (height, width))
    pieces = [
        images[i, top : top + SIDE, left : left + SIDE].ravel()
        for i, top, left in zip(index, tops, lefts, strict=True)
    ]
    return np.stack(pieces).astype(np.float64)
