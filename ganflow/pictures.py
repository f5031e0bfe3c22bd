"""Pictures of samples and of losses, as RGB arrays and PNG files.

matplotlib is imported where it is used: a run on images never needs it before its last line.
"""

import math
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganflow import workdir

_BLUE, _ORANGE = "#1f77b4", "#ff7f0e"


def grid(images: np.ndarray, columns: int, gap_pixels: int = 2) -> np.ndarray:
    """Tile images: float [n, h, w, c] in [-1, 1] -> uint8 [rows (h + gap), columns (w + gap), c].

    Right of and below each image is a grey gap; a last row that is not full is filled with grey.
    """
    n, height, width, channels = images.shape
    rows = math.ceil(n / columns)
    tile = (height + gap_pixels, width + gap_pixels)
    tiles = np.full([rows * columns, *tile, channels], 96, np.uint8)
    tiles[:n, :height, :width] = np.clip(np.rint((images + 1) * 127.5), 0, 255)
    tiles = tiles.reshape(rows, columns, *tile, channels)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(rows * tile[0], columns * tile[1], channels)


def beside(left: np.ndarray, right: np.ndarray, gap_pixels: int = 8) -> np.ndarray:
    """Two grids of one height with a white bar between them."""
    bar = np.full([left.shape[0], gap_pixels, left.shape[2]], 255, np.uint8)
    return np.concatenate([left, bar, right], axis=1)


def scatter(real: np.ndarray, generated: np.ndarray, title: str) -> np.ndarray:
    """Real and generated points [n, 2] in one plane -> uint8 [h, w, 3]."""
    figure, axes = _figure(width_inches=6, height_inches=6)
    axes.scatter(*real.T, s=6, c=_BLUE, label=f"real ({len(real)})")
    axes.scatter(*generated.T, s=6, c=_ORANGE, alpha=0.6, label=f"generated ({len(generated)})")
    reach = 1.5 * np.abs(real).max()  # the frame follows the real points, so it never jumps
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", title=title)
    axes.set(xlabel="x", ylabel="y")
    axes.legend(loc="upper right")
    return _rendered(figure)


def points(samples: np.ndarray, title: str) -> np.ndarray:
    """Points [n, 2] alone -> uint8 [h, w, 3]."""
    figure, axes = _figure(width_inches=6, height_inches=6)
    axes.scatter(*samples.T, s=4, c=_ORANGE, alpha=0.6)
    axes.set(aspect="equal", title=title, xlabel="x", ylabel="y")
    return _rendered(figure)


def loss_curves(rows: list[dict], title: str) -> np.ndarray:
    """D's and G's losses over steps, from rows of `metrics.jsonl` -> uint8 [h, w, 3]."""
    figure, axes = _figure(width_inches=8, height_inches=4.5)
    for name, colour in (("d_loss", _BLUE), ("g_loss", _ORANGE)):
        points = [(row["step"], row[name]) for row in rows if name in row]
        axes.plot(*zip(*points, strict=True), c=colour, label=name, marker="." * (len(points) < 3))
    axes.set(xlabel="step", ylabel="loss (mean since the summary before)", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    return _rendered(figure)


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a uint8 [h, w, 1 or 3] image, whole or not at all."""
    workdir.write_whole(path, tf.io.encode_png(image).numpy())


def _figure(width_inches: float, height_inches: float):
    # Figure without pyplot: no global state, so it can be drawn beside the training thread.
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width_inches, height_inches), dpi=100)
    return figure, figure.subplots()


def _rendered(figure) -> np.ndarray:
    from matplotlib.backends.backend_agg import FigureCanvasAgg

    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    return np.asarray(canvas.buffer_rgba())[:, :, :3].copy()
