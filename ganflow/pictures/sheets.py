"""Sheets of images: over the training, between two z's, beside the data; uint8 [h, w, 3].

Each pixel of an image is a square of whole pixels of the sheet.
"""

from collections.abc import Sequence

import numpy as np

from ganflow.pictures import canvas, grids

BETWEEN = 10  # images in a row of an interpolation
_PAIRS_A_ROW = 4
_TILE_PIXELS = 56  # images are enlarged by a whole factor to about this height
_GAP_PIXELS = 2
_MARGINS_PIXELS = (90, 15, 40, 55)  # left, right, top, bottom
_LETTER_PIXELS = 7  # of a title or a row's name, at most
_LEAST_WIDTH_PIXELS = 480  # room for the title
_CHUNK_BYTES = 16 * 2**20  # of training images in float64, at a time


def strip(history: dict[int, np.ndarray], of: str) -> np.ndarray:
    """The same z's over the training: a row is a step, a column is a z.

    Args:
      history: images [k, h, w, c] in [-1, 1] by step, at least one row.
      of: the model and the step that they are of.

    Returns:
      uint8 [height, width, 3].
    """
    steps = sorted(history)
    images = np.concatenate([history[step] for step in steps])
    columns = len(images) // len(steps)
    figure, axes, tile = _sheet(images, columns, f"{of}\nSamples over the training, from fixed z")
    axes.set_yticks(tile[0] * (np.arange(len(steps)) + 0.5), [f"{step:,}" for step in steps])
    axes.set_xticks(tile[1] * (np.arange(columns) + 0.5), np.arange(1, columns + 1))
    axes.set(xlabel="z (a column: the same z)", ylabel="step")
    return canvas.rendered(figure)


# ---------------------------------------------------------------- images: between z's; the data


def slerp(a: np.ndarray, b: np.ndarray, t: np.ndarray | float) -> np.ndarray:
    """Spherical interpolation between vectors; Shoemake 1985, for z's White 2016 (1609.04468).

    (sin((1 - t) w) a + sin(t w) b) / sin w with w the angle between a and b: unit vectors stay on
    the great circle through both. A straight line between two z's would pass through the middle
    of the ball, where a Gaussian in many dimensions has nothing. Parallel and opposite vectors
    (|sin w| < 1e-6) and zero ones have no such circle: there it is the straight line.

    Args:
      a, b: float [..., d].
      t: from 0, which gives a to the bit, to 1, which gives b; it broadcasts with [..., 1].

    Returns:
      The type of `a`.
    """
    u, v = np.asarray(a, np.float64), np.asarray(b, np.float64)
    t = np.asarray(t, np.float64)
    norms = np.linalg.norm(u, axis=-1, keepdims=True) * np.linalg.norm(v, axis=-1, keepdims=True)
    cosine = (u * v).sum(axis=-1, keepdims=True) / np.where(norms > 0, norms, 1.0)
    angle = np.arccos(np.clip(cosine, -1.0, 1.0))
    sine = np.sin(angle)
    straight = (sine < 1e-6) | (norms == 0)
    sine = np.where(straight, 1.0, sine)
    from_a = np.where(straight, 1.0 - t, np.sin((1.0 - t) * angle) / sine)
    from_b = np.where(straight, t, np.sin(t * angle) / sine)
    return (from_a * u + from_b * v).astype(np.asarray(a).dtype)


def between(z: np.ndarray) -> np.ndarray:
    """The z's of an interpolation: ten from the first to the second of each pair, ends included.

    Args:
      z: an even number of z's [2 rows, ...]; row i goes from z[2 i] to z[2 i + 1].

    Returns:
      [10 rows, ...], row after row.
    """
    ends = z.reshape(len(z) // 2, 2, 1, -1)  # [rows, from and to, 1, d]
    t = np.linspace(0.0, 1.0, BETWEEN)[:, np.newaxis]
    return slerp(ends[:, 0], ends[:, 1], t).reshape(-1, *z.shape[1:])


def interpolation(images: np.ndarray, of: str) -> np.ndarray:
    """Images on the way from one z to another, a pair of z's a row.

    Args:
      images: what a model samples from `between(z)`: [10 rows, h, w, c] in [-1, 1].
      of: the model and the step that they are of.

    Returns:
      uint8 [height, width, 3].
    """
    rows = len(images) // BETWEEN
    figure, axes, tile = _sheet(images, BETWEEN, f"{of}\nBetween two z's, on the sphere")
    names = [f"{t:.2f}" for t in np.linspace(0.0, 1.0, BETWEEN)]
    axes.set_xticks(tile[1] * (np.arange(BETWEEN) + 0.5), names)
    axes.set_yticks(tile[0] * (np.arange(rows) + 0.5), np.arange(1, rows + 1))
    axes.set(xlabel="t: from the first z (0) to the second (1)", ylabel="pair of z's")
    return canvas.rendered(figure)


def labelled(
    images: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    names: tuple[str, str] = ("", ""),
) -> np.ndarray:
    """Images under a name for each column and beside one for each row.

    Args:
      images: [rows * columns, h, w, c] in [-1, 1], row after row.
      rows, columns: the names.
      title: above the picture, of one line or two.
      names: of all rows, and of all columns.

    Returns:
      uint8 [height, width, 3].
    """
    left_pixels = 40 + _LETTER_PIXELS * max(map(len, rows))
    title_pixels = _LETTER_PIXELS * max(map(len, title.split("\n")))
    figure, axes, tile = _sheet(
        images, len(columns), title, left_pixels=left_pixels, title_pixels=title_pixels
    )
    axes.set_xticks(tile[1] * (np.arange(len(columns)) + 0.5), columns)
    axes.set_yticks(tile[0] * (np.arange(len(rows)) + 0.5), rows)
    axes.set(xlabel=names[1], ylabel=names[0])
    return canvas.rendered(figure)


def nearest(samples: np.ndarray, train: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """For each sample the training image at the least Euclidean distance over all pixels.

    Args:
      samples: float [k, h, w, c] in [-1, 1].
      train: uint8, or float in [-1, 1], [n, h, w, c]; some megabytes of it are decoded at a time.

    Returns:
      Indices int64 [k], and distances float64 [k] in units of a pixel's range [-1, 1]; 0 and NaN
      for a sample that is not finite.
    """
    from sklearn.neighbors import NearestNeighbors

    flat = samples.reshape(len(samples), -1).astype(np.float64)
    finite = np.isfinite(flat).all(axis=1)
    index = np.zeros(len(flat), np.int64)
    distance = np.where(finite, np.inf, np.nan)
    size = max(1, _CHUNK_BYTES // (8 * flat.shape[1]))
    for start in range(0, len(train) if finite.any() else 0, size):
        chunk = _decoded(train[start : start + size]).reshape(-1, flat.shape[1])
        search = NearestNeighbors(n_neighbors=1, algorithm="brute").fit(chunk)
        here, place = (found[:, 0] for found in search.kneighbors(flat[finite]))
        index[finite] = np.where(here < distance[finite], start + place, index[finite])
        distance[finite] = np.minimum(here, distance[finite])
    return index, distance


def neighbours(samples: np.ndarray, train: np.ndarray, of: str) -> np.ndarray:
    """Each sample (left) beside its nearest training image (right), and their distance.

    A distance near zero is a training image by heart.

    Args:
      samples, train: as of `nearest`.
      of: the model and the step that they are of.

    Returns:
      uint8 [height, width, 3].
    """
    index, distance = nearest(samples, train)
    gap = np.ones([*samples.shape[:2], 1, samples.shape[3]])
    pairs = np.concatenate([samples, gap, _decoded(train[index])], axis=2)  # [k, h, 2 w + 1, c]
    columns = min(len(pairs), _PAIRS_A_ROW)
    title = f"{of}\nSamples, and the training image nearest to each"
    figure, axes, tile = _sheet(pairs, columns, title, blank_pixels=20)
    for i, value in enumerate(distance):
        row, column = divmod(i, columns)
        at = (tile[1] * (column + 0.5), tile[0] * (row + 1) - 12)
        axes.text(*at, f"{value:.2f}", ha="center", va="center")
    axes.set(xticks=[], yticks=[])
    axes.set_xlabel("left: sample, right: training image;\ntheir L2 distance (pixels -1 to 1)")
    return canvas.rendered(figure)


def _decoded(images: np.ndarray) -> np.ndarray:
    """float64 in [-1, 1], from bytes or from such numbers."""
    return images / 127.5 - 1.0 if images.dtype == np.uint8 else images.astype(np.float64)


def _sheet(
    images: np.ndarray,
    columns: int,
    title: str,
    blank_pixels: int = 0,
    left_pixels: int = 0,
    title_pixels: int = 0,
):
    """A figure with a grid of images, each pixel of which is a square of whole pixels.

    Returns:
      (figure, axes in units of the figure's pixels, (height, width) of a tile in them).
    """
    factor = max(1, round(_TILE_PIXELS / images.shape[1]))
    large = images.repeat(factor, axis=1).repeat(factor, axis=2)
    if blank_pixels:  # white below each, for a line of text
        large = np.pad(large, [(0, 0), (0, blank_pixels), (0, 0), (0, 0)], constant_values=1.0)
    sheet = grids.grid(large, columns, _GAP_PIXELS)
    left, right, top, bottom = _MARGINS_PIXELS
    left = max(left, left_pixels)
    least = max(_LEAST_WIDTH_PIXELS, left + title_pixels)
    height, width = sheet.shape[:2]
    size = (max(left + width + right, least), top + height + bottom)
    figure = canvas.figure(*size)
    axes = figure.add_axes((left / size[0], bottom / size[1], width / size[0], height / size[1]))
    if sheet.shape[2] == 1:  # a colour map would change some levels by one
        sheet = sheet.repeat(3, axis=2)
    extent = (0, width, height, 0)
    axes.imshow(sheet, extent=extent, aspect="auto", interpolation="nearest")
    axes.set_title(title, fontsize=10, loc="left")  # two lines in the margin
    axes.spines[:].set_visible(False)
    axes.tick_params(length=0)
    return figure, axes, (large.shape[1] + _GAP_PIXELS, large.shape[2] + _GAP_PIXELS)
