"""Pictures of samples and of losses, as RGB arrays and PNG files.

matplotlib is imported where it is used: a run on images never needs it before its last line.
"""

import math
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganflow import canvas, workdir

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


def points(samples: np.ndarray, title: str) -> np.ndarray:
    """Points [n, 2] alone -> uint8 [h, w, 3]."""
    figure = canvas.figure(600, 600)
    axes = figure.subplots()
    axes.scatter(*samples.T, s=4, c=_ORANGE, alpha=0.6)
    axes.set(aspect="equal", title=title, xlabel="x", ylabel="y")
    return canvas.rendered(figure)


def loss_curves(rows: list[dict], title: str) -> np.ndarray:
    """D's and G's losses over steps, from rows of `metrics.jsonl` -> uint8 [h, w, 3]."""
    figure = canvas.figure(800, 450)
    axes = figure.subplots()
    for name, colour in (("d_loss", _BLUE), ("g_loss", _ORANGE)):
        points = [(row["step"], row[name]) for row in rows if name in row]
        axes.plot(*zip(*points, strict=True), c=colour, label=name, marker="." * (len(points) < 3))
    axes.set(xlabel="step", ylabel="loss (mean since the summary before)", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    return canvas.rendered(figure)


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a uint8 [h, w, 1 or 3] image, whole or not at all."""
    workdir.write_whole(path, tf.io.encode_png(image).numpy())
