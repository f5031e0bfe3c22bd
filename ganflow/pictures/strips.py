"""The rows of a strip: samples of the same z's over the training, kept in WORKDIR/strip.npz.

`ganflow.pictures.sheets.strip` draws them.
"""

import io
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ganflow.base.errors import InputError
from ganflow.storage import workdir


def add_to_strip(
    history: dict[int, np.ndarray], step: int, images: np.ndarray, most: int = 16
) -> dict[int, np.ndarray]:
    """The history with one row more, thinned out evenly where there are more than `most`.

    The distance of the first two rows is the strip's spacing; of each such stretch of steps the
    first row stays, and the newest row always does. Where that is too many the spacing doubles. So
    which rows there are depends on the steps alone: a resumed run, once it is past the step that
    it had reached before, has those of an uninterrupted one.

    Args:
      history: images [k, h, w, c] in [-1, 1] by step; it is not changed.
      step: of the new row; a row of the same step is replaced.
      images: samples of the same z's as in the other rows.
      most: rows, at least 2.
    """
    rows = history | {step: images}
    steps = sorted(rows)
    spacing = steps[min(1, len(steps) - 1)] - steps[0]
    while len(kept := _spread(steps, spacing)) > most:
        spacing *= 2
    return {step: rows[step] for step in kept}


def _spread(steps: list[int], spacing: int) -> list[int]:
    """The first step of each stretch of `spacing` steps, and the last one of all."""
    first_of = {(step - steps[0]) // max(spacing, 1): step for step in reversed(steps)}
    return sorted({*first_of.values(), steps[-1]})


def write_strip(path: Path, history: dict[int, np.ndarray]) -> None:
    """Write a strip's rows, whole or not at all; pixels are kept as bytes, as a PNG keeps them.

    Raises:
      StorageError: the disk is full.
    """
    buffer = io.BytesIO()
    rows: dict[str, Any] = {str(k): _bytes(v) for k, v in history.items()}
    np.savez_compressed(buffer, **rows)
    workdir.write_whole(path, buffer.getvalue())


def read_strip(path: Path, keep_until: int) -> dict[int, np.ndarray]:
    """The rows of a strip up to a step; a run resumed from there writes the later ones again.

    Args:
      path: what `write_strip` wrote; where there is no file there are no rows.
      keep_until: the last step that is kept.

    Raises:
      InputError: not such a file.
    """
    if not path.exists():
        return {}
    try:
        with open(path, "rb") as opened, np.lib.npyio.NpzFile(opened, allow_pickle=False) as file:
            rows = {int(name): file[name] for name in file.files}
        sound = len({row.shape for row in rows.values()}) == 1 and all(
            row.dtype == np.uint8 and row.ndim == 4 for row in rows.values()
        )
    except (ValueError, KeyError, OSError, EOFError, zipfile.BadZipFile, zlib.error):
        sound = False
    if not sound:
        raise InputError(
            f"{path}: is not a strip of samples, uint8 [k, h, w, c] by step; delete it to start "
            "the strip anew"
        )
    rows = {step: row for step, row in sorted(rows.items()) if step <= keep_until}
    return {step: row / np.float32(127.5) - np.float32(1) for step, row in rows.items()}


def _bytes(images: np.ndarray) -> np.ndarray:
    return np.clip(np.rint((images + 1) * 127.5), 0, 255).astype(np.uint8)
