"""IDX, the format of the MNIST files, plain or gzipped.

Source: the description on the MNIST page, https://yann.lecun.com/exdb/mnist/. Two zero bytes, one
byte for the type, one for the number of dimensions; then each dimension as a big-endian 32-bit
integer; then the values, big-endian, the last dimension fastest.
"""

import contextlib
import gzip
import os
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from ganflow.data.readers import files

_TYPES: dict[int, np.dtype] = {0x08: np.dtype(np.uint8), 0x0D: np.dtype(">f4")}
_MOST_DIMENSIONS = 4  # images [n, h, w, c]


@contextlib.contextmanager
def _opened(path: str) -> Iterator[tuple[Any, bool]]:
    """The unpacked bytes, and whether they come from gzip.

    The first two bytes decide, not the name: browsers unpack a .gz file and keep its name.
    """
    with open(path, "rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
        raw.seek(0)
        if not zipped:
            yield raw, False
            return
        try:
            with gzip.GzipFile(fileobj=raw) as stream:
                yield stream, True
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise files.fault(
                path,
                f"found a damaged or truncated gzip file ({error}), expected a whole one; "
                "copy or download it again",
            ) from error


def _header(stream: Any, path: str) -> tuple[tuple[int, ...], np.dtype]:
    """Reads the shape and the type; leaves `stream` at the first value."""
    magic = stream.read(4)
    if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in _TYPES:
        raise files.fault(
            path,
            f"found the first bytes {magic.hex(' ')}, expected an IDX file: 00 00, then 08 (uint8) "
            "or 0d (float32), then the number of dimensions",
        )
    if not 1 <= magic[3] <= _MOST_DIMENSIONS:
        raise files.fault(
            path, f"found {magic[3]} dimensions, expected 1 (labels), 2 (points), 3 or 4 (images)"
        )
    extents = stream.read(4 * magic[3])
    if len(extents) < 4 * magic[3]:
        raise files.fault(
            path, f"found {4 + len(extents)} bytes, expected a header of {4 + 4 * magic[3]}"
        )
    return struct.unpack(f">{magic[3]}I", extents), _TYPES[magic[2]]


def read(path: str) -> np.ndarray:
    """The array of an IDX file.

    Args:
      path: a plain or gzipped file.

    Returns:
      uint8 or float32 (in this machine's byte order), with the header's one to four dimensions.

    Raises:
      InputError: wrong magic, truncated, over-long, damaged gzip, or a header that promises zero
        values or more than the file can hold. Nothing is allocated before that is known.
      OSError: the operating system refuses; `files.reading` maps it.
    """
    size = files.size_bytes(path)
    with _opened(path) as (stream, zipped):
        shape, dtype = _header(stream, path)
        promised = files.promised_bytes(path, shape, dtype)
        header = 4 + 4 * len(shape)
        if zipped:
            files.check_packed(path, header + promised, size)
        elif size != header + promised:
            raise files.fault(
                path,
                f"found {size} bytes, expected {header + promised} for the shape {shape} of its "
                "header; copy or download it again",
            )
        values = files.read_array(stream, path, shape, dtype)
    return values.astype(dtype.newbyteorder("="), copy=False)


def either(path: str) -> str | None:
    """`path` if there is such a file, else `path` with .gz, else None."""
    return next((name for name in (path, path + ".gz") if os.path.exists(name)), None)
