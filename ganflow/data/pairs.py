"""Two domains by a known transform: digits, and other digits transformed.

`a` has the digits of one half as they are, `b` those of the other half transformed. No digit is in
both, so no pair can be learnt from; and yet the true partner of every `a` is known, `transform` of
it, by which a mapping between the domains can be judged.

    NAME_edges      b = the image dilated by 3 x 3 pixels, minus the image
    NAME_negative   b = 255 minus the image
    NAME_rotated    b = the image turned by 90 degrees, counter-clockwise

Sources: 1606.07536 (CoGAN), whose tasks on MNIST are edges, negatives and a rotation by 90 degrees;
the edges and the disjoint halves are as in its authors' dataset_mnistedge.py.
"""

import numpy as np

from ganflow.data import digits, mnist

_TRANSFORMS = ("edges", "negative", "rotated")
OF_MNIST = tuple(f"mnist_{transform}" for transform in _TRANSFORMS)
OF_DIGITS = tuple(f"digits_{transform}" for transform in _TRANSFORMS)
NAMES = (*OF_MNIST, *OF_DIGITS)
_SEEDS = {"train": 0, "test": 1}


def load(name: str, data_dir: str | None, split: str) -> dict[str, np.ndarray]:
    """Both domains of one split.

    Args:
      name: one of `NAMES`.
      data_dir: as for `mnist.load`; `OF_DIGITS` need none.
      split: "train" or "test", of MNIST; each is halved by itself. `OF_DIGITS` have no test split.

    Returns:
      `a` and `b`, uint8 [n / 2, 28, 28, 1]; `a_label` and `b_label`, the digits, int32 [n / 2].

    Raises:
      InputError, OSError: as `mnist.load`.
    """
    whole = digits.load() if name in OF_DIGITS else mnist.load("mnist", data_dir, split)
    # RandomState, not default_rng: NumPy promises to keep its stream from version to version.
    order = np.random.RandomState(_SEEDS[split]).permutation(len(whole["x"]))
    of_a, of_b = np.array_split(order, 2)
    return {
        "a": whole["x"][of_a],
        "a_label": whole["label"][of_a],
        "b": transform(name, whole["x"][of_b]),
        "b_label": whole["label"][of_b],
    }


def transform(name: str, x: np.ndarray) -> np.ndarray:
    """The true partners in `b` of images of `a`, real or generated.

    Args:
      name: one of `NAMES`.
      x: images [n, h, w, c], uint8, or float in [-1, 1]; not enlarged, for edges are one pixel
        wide.

    Returns:
      Images of the same type and range; turned ones are [n, w, h, c].

    Raises:
      ValueError: a data set whose domains are not known to be transforms of each other.
    """
    if name not in NAMES:
        raise ValueError(f"{name}: no transform is known; there is one of {', '.join(NAMES)}")
    low, high = (0, 255) if x.dtype == np.uint8 else (-1, 1)
    kind = name.partition("_")[2]
    if kind == "negative":
        return (low + high - x).astype(x.dtype)
    if kind == "rotated":
        return np.ascontiguousarray(np.rot90(x, axes=(1, 2)))
    return _dilated(x, low) - x + np.asarray(low, x.dtype)


def _dilated(x: np.ndarray, low: int) -> np.ndarray:
    """The maximum over each pixel and its eight neighbours; `low` beyond the edge of the image."""
    height, width = x.shape[1:3]
    around = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], constant_values=low)
    largest = x
    for i in range(3):
        for j in range(3):
            largest = np.maximum(largest, around[:, i : i + height, j : j + width])
    return largest
