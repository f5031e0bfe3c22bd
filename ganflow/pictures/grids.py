"""Pictures of samples, as RGB arrays and PNG files.

matplotlib is imported where it is used: a run on images never needs it before its last line.
"""

import functools
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganflow.pictures import canvas
from ganflow.pictures.canvas import BLUE, ORANGE
from ganflow.storage import workdir

_BAR_PIXELS = 8  # between two grids
_TITLE_PIXELS, _CAPTION_PIXELS = 14, 12  # sizes of the letters


def as_bytes(images: np.ndarray) -> np.ndarray:
    """Images in [-1, 1] as uint8, rounded and cut off; what is not a number is black."""
    return np.clip(np.rint((np.nan_to_num(images, nan=-1.0) + 1) * 127.5), 0, 255).astype(np.uint8)


def grid(images: np.ndarray, columns: int, gap_pixels: int = 2) -> np.ndarray:
    """Tile images: float [n, h, w, c] in [-1, 1] -> uint8 [rows (h + gap), columns (w + gap), c].

    Right of and below each image is a grey gap; a last row that is not full is filled with grey.
    """
    n, height, width, channels = images.shape
    rows = math.ceil(n / columns)
    tile = (height + gap_pixels, width + gap_pixels)
    tiles = np.full([rows * columns, *tile, channels], 96, np.uint8)
    tiles[:n, :height, :width] = as_bytes(images)
    tiles = tiles.reshape(rows, columns, *tile, channels)
    return tiles.transpose(0, 2, 1, 3, 4).reshape(rows * tile[0], columns * tile[1], channels)


def beside(left: np.ndarray, right: np.ndarray, gap_pixels: int = _BAR_PIXELS) -> np.ndarray:
    """Two grids with a white bar between them; white fills what is lower, grey becomes colours."""
    height = max(left.shape[0], right.shape[0])
    channels = max(left.shape[2], right.shape[2])
    bar = np.full([height, gap_pixels, channels], 255, np.uint8)
    left, right = (_filled(image, height, channels) for image in (left, right))
    return np.concatenate([left, bar, right], axis=1)


def below(upper: np.ndarray, lower: np.ndarray) -> np.ndarray:
    """One picture below another, uint8 [h, w, 1 or 3] each; white fills what is narrower."""
    width = max(upper.shape[1], lower.shape[1])
    channels = max(upper.shape[2], lower.shape[2])
    rows = [
        np.pad(image, [(0, 0), (0, width - image.shape[1]), (0, 0)], constant_values=255)
        for image in (upper, lower)
    ]
    return np.concatenate([row.repeat(channels // row.shape[2], axis=2) for row in rows])


def titled(title: str, parts: Mapping[str, np.ndarray]) -> np.ndarray:
    """Grids beside one another, under a title and each under its caption; no pixel is changed.

    Args:
      title: what they are of.
      parts: grids uint8 [h, w, 1 or 3] by their captions; "" is none.

    Returns:
      uint8 [h, w, 1 or 3], white right of the grids where the title is longer than they are wide.
    """
    # Pillow: a figure of matplotlib's would take longer than all grids.
    from PIL import Image, ImageDraw, ImageFont

    large, small = ImageFont.load_default(_TITLE_PIXELS), ImageFont.load_default(_CAPTION_PIXELS)
    picture = functools.reduce(beside, parts.values())
    height = _TITLE_PIXELS + 8 + (_CAPTION_PIXELS + 6 if any(parts) else 0)
    width = max(picture.shape[1], math.ceil(large.getlength(title)) + 8)
    strip = Image.new("L", (width, height), 255)
    draw = ImageDraw.Draw(strip)
    draw.text((4, 2), title, fill=0, font=large)
    left = 0
    for caption, part in parts.items():
        draw.text((left + 4, _TITLE_PIXELS + 8), caption, fill=0, font=small)
        left += part.shape[1] + _BAR_PIXELS
    right = [(0, 0), (0, width - picture.shape[1]), (0, 0)]
    picture = np.pad(picture, right, constant_values=255)
    above = np.asarray(strip)[:, :, np.newaxis].repeat(picture.shape[2], axis=2)
    return np.concatenate([above, picture])


def lines(texts: Sequence[str], height: int) -> np.ndarray:
    """Lines of text, black on white, each in the middle of so many pixels: uint8 [n height, w, 1].

    One below another they stand beside a `grid` of one column.
    """
    from PIL import Image, ImageDraw, ImageFont

    font = ImageFont.load_default(_CAPTION_PIXELS)
    width = max(math.ceil(font.getlength(text)) for text in texts) + 8
    strip = Image.new("L", (width, len(texts) * height), 255)
    draw = ImageDraw.Draw(strip)
    for i, text in enumerate(texts):
        draw.text((4, i * height + height / 2), text, fill=0, font=font, anchor="lm")
    return np.asarray(strip)[:, :, np.newaxis]


def _filled(image: np.ndarray, height: int, channels: int) -> np.ndarray:
    below = [(0, height - image.shape[0]), (0, 0), (0, 0)]
    image = np.pad(image, below, constant_values=255)
    return image if image.shape[2] == channels else image.repeat(channels, axis=2)


def points(samples: np.ndarray, title: str, real: np.ndarray | None = None) -> np.ndarray:
    """Points [n, 2], alone or over real ones [m, 2] -> uint8 [h, w, 3]."""
    figure = canvas.figure(600, 600)
    axes = figure.subplots()
    if real is not None:
        axes.scatter(*real.T, s=4, c=BLUE, alpha=0.6)
    axes.scatter(*samples.T, s=4, c=ORANGE, alpha=0.6)
    axes.set(aspect="equal", title=title, xlabel="x", ylabel="y")
    return canvas.rendered(figure)


def translation(given: np.ndarray, samples: np.ndarray, title: str) -> np.ndarray:
    """Lines from points [n, 2] to what was made of each, [n, 2] -> uint8 [h, w, 3].

    Those that begin on one side of the given points' middle have one colour.
    """
    figure = canvas.figure(600, 600)
    axes = figure.subplots()
    turn = np.arctan2(*(given - given.mean(axis=0)).T) / (2 * np.pi) + 0.5  # 0 to 1
    side = np.minimum((turn * len(canvas.CYCLE)).astype(int), len(canvas.CYCLE) - 1)
    for i, colour in enumerate(canvas.CYCLE):
        begin, end = given[side == i], samples[side == i]
        axes.plot(*np.stack([begin, end]).transpose(2, 0, 1), c=colour, lw=0.4, alpha=0.3)
        axes.scatter(*begin.T, s=4, c=colour, marker="s")
        axes.scatter(*end.T, s=4, c=colour)
    axes.scatter([], [], s=12, c=canvas.DARK, marker="s", label="given")
    axes.scatter([], [], s=12, c=canvas.DARK, label="generated")
    axes.set(aspect="equal", title=title, xlabel="x", ylabel="y")
    axes.legend(loc="best", frameon=False)
    return canvas.rendered(figure)


def encoded(image: np.ndarray) -> bytes:
    """A uint8 [h, w, 1 or 3] image as a PNG file's content."""
    return tf.io.encode_png(image).numpy()


def write_png(path: Path, image: np.ndarray) -> None:
    """Write a uint8 [h, w, 1 or 3] image, whole or not at all."""
    workdir.write_whole(path, encoded(image))
