"""Weights and gradients as matrices small enough to be shown, entries as they are."""

import math

import numpy as np

SMALL, LARGE = 32, 160  # rows and columns at most


def matrix(w: np.ndarray) -> np.ndarray:
    """A weight as a matrix: kernels [kh, kw, in, out] as [kh kw in, out], vectors as one row."""
    return w.reshape(1, -1) if w.ndim < 2 else w.reshape(-1, w.shape[-1])


def spread(w: np.ndarray, most: int) -> tuple[np.ndarray, int, int]:
    """Every so many-th row and column of the matrix, so that no side has more than `most`.

    Returns:
      (float32 [rows, columns], rows from one that is shown to the next, columns likewise).
    """
    whole = matrix(w)
    every_row, every_column = (max(1, math.ceil(side / most)) for side in whole.shape)
    return whole[::every_row, ::every_column].astype(np.float32), every_row, every_column


def summary(w: np.ndarray) -> dict:
    """A small heat map, and what it is of."""
    shown, every_row, every_column = spread(w, SMALL)
    return {"map": shown, "every": [every_row, every_column], "norm": norm(w)}


def norm(w: np.ndarray) -> float:
    """The Euclidean norm over all entries."""
    return float(np.linalg.norm(np.asarray(w).ravel()))
