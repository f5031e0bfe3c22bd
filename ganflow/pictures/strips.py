"""The rows of a strip: samples of the same z's over the training, kept in WORKDIR/strip.npz.

`ganflow.pictures.sheets.strip` draws them.
"""

import io
import math
import os
import tokenize
import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ganflow.base.errors import InputError
from ganflow.pictures import grids
from ganflow.storage import reading, workdir


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
    rows: dict[str, Any] = {str(k): grids.as_bytes(v) for k, v in history.items()}
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
    if not os.path.lexists(path):
        return {}
    try:
        with reading.regular(path, _MOST_BYTES) as opened, zipfile.ZipFile(opened) as archive:
            rows = _rows(archive)
    except _NO_STRIP as error:
        raise InputError(
            f"{path}: is not a strip of samples, uint8 [k, h, w, c] by step ({error}); delete it "
            "to start the strip anew"
        ) from error
    rows = {step: row for step, row in sorted(rows.items()) if step <= keep_until}
    return {step: row / np.float32(127.5) - np.float32(1) for step, row in rows.items()}


_MOST_BYTES, _MOST_ROWS = 1 << 29, 100
_NO_STRIP = (
    OSError,
    ValueError,
    EOFError,
    RuntimeError,  # an encrypted member
    NotImplementedError,  # a compression of another kind
    OverflowError,
    zipfile.BadZipFile,
    zlib.error,
    SyntaxError,  # of a header that NumPy takes apart as Python
    tokenize.TokenError,
)


def _rows(archive: zipfile.ZipFile) -> dict[int, np.ndarray]:
    """Every member, once what they declare has been looked at: one may say that it has 10^15 bytes.

    Raises:
      ValueError: what is declared is no strip's.
    """
    members = archive.infolist()
    if not 0 < len(members) <= _MOST_ROWS:
        raise ValueError(f"{len(members)} rows")
    rows, shape, left = {}, None, _MOST_BYTES
    for member in members:
        with archive.open(member) as file:
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("an array of another version")
            of_row, is_fortran, dtype = np.lib.format.read_array_header_1_0(file)
            shape, size = shape or of_row, math.prod(of_row)
            left -= size
            if len(of_row) != 4 or of_row != shape or dtype != np.uint8 or is_fortran:
                raise ValueError(f"a row is {dtype} {list(of_row)}")
            if min(of_row) < 1 or left < 0:
                raise ValueError(f"rows of {list(of_row)} are none or too large")
            pixels = file.read(size + 1)
        if len(pixels) != size:
            raise ValueError("a row is not as long as it says")
        step = int(member.filename.removesuffix(".npy"))
        rows[step] = np.frombuffer(pixels, np.uint8).reshape(of_row)
    return rows
