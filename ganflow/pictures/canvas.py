"""matplotlib figures to draw on beside a training: without pyplot, and so without global state.

matplotlib is imported where it is used, for it takes half a second.
"""

from typing import Any

import numpy as np

BLUE, ORANGE, GREEN = "#135a9e", "#d95f02", "#1b7f3b"  # real, generated, held-out real
DARK, GREY = "#1a1a1a", "#9a9a9a"  # lines, not finite


def figure(width_pixels: int, height_pixels: int, layout: Any = None):
    """An empty figure of 100 dots an inch; `layout` is matplotlib's ("constrained", None)."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width_pixels / 100, height_pixels / 100), dpi=100, layout=layout)


def rendered(figure) -> np.ndarray:
    """The figure as uint8 [h, w, 3]."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()


def sigmoid(scores: np.ndarray) -> np.ndarray:
    """1 / (1 + exp(-score)), without an overflow."""
    return 0.5 * (1.0 + np.tanh(0.5 * scores))
