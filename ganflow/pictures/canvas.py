"""matplotlib figures to draw on beside a training: without pyplot, and so without global state.

matplotlib is imported where it is used, for it takes half a second.
"""

from typing import Any

import numpy as np

# Of the palette of Okabe and Ito (2008), which colour-blind readers can tell apart.
BLUE, ORANGE, GREEN = "#0072b2", "#d55e00", "#009e73"  # real, generated, held-out real
CYCLE = (BLUE, ORANGE, GREEN, "#cc79a7", "#e69f00", "#56b4e9", "#000000")  # of many curves
DASHES = ("-", "--", "-.", ":")  # with them: colour is never all that tells
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
