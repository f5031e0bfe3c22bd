"""Document 003's table of points: count, mean, std, extremes and quartiles of x and of y."""

import numpy as np

from ganflow.base import tables

NAMES = ("count", "mean", "std", "min", "25 %", "50 %", "75 %", "max")


def summary_statistics(points: np.ndarray) -> dict[str, dict[str, float]]:
    """For x and for y; the standard deviation divides by n - 1.

    Args:
      points: [n, 2], n at least 2.

    Returns:
      {"x": {"count": ..., "mean": ..., ..., "max": ...}, "y": ...}, all floats.
    """
    found = {}
    for axis, values in zip("xy", np.asarray(points, np.float64).T, strict=True):
        low, first, median, third, high = np.percentile(values, [0, 25, 50, 75, 100])
        figures = (len(values), values.mean(), values.std(ddof=1), low, first, median, third, high)
        found[axis] = dict(zip(NAMES, map(float, figures), strict=True))
    return found


def columns(found: dict[str, dict[str, dict[str, float]]]) -> tuple[list[str], list[list[str]]]:
    """(Titles, rows of cells): of each `summary_statistics` by its name a column of x and of y."""
    titles = ["", *(f"{name} {axis}" for name in found for axis in "xy")]
    rows = [
        [figure, *(f"{found[name][axis][figure]:.6g}" for name in found for axis in "xy")]
        for figure in NAMES
    ]
    return titles, rows


def as_text(real: np.ndarray, samples: np.ndarray) -> str:
    """Real points beside generated ones, each [n, 2], to print."""
    return tables.as_text(*columns(_both(real, samples)))


def as_markdown(real: np.ndarray, samples: np.ndarray) -> str:
    """The same for TensorBoard."""
    return tables.as_markdown(*columns(_both(real, samples)))


def _both(real, samples):
    return {"real": summary_statistics(real), "generated": summary_statistics(samples)}
