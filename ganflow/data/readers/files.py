"""What every reader of a data file needs: errors of one line, sizes, reads of a promised length."""

import contextlib
import os
import stat
from collections.abc import Iterator
from typing import Any

import numpy as np

from ganflow.base.errors import InputError

# The most that a packed array may unpack to. MNIST takes 47 MB and 100,000 RGB images of 128 x 128
# take 5 GB, so that what promises more is far likelier to be a damaged header than a data set.
PACKED_CAP_BYTES = 8 * 2**30

# Deflate spends at least two bits on a run of 258 bytes: no gzip file and no zip member unpacks to
# more than this many times its size, whatever its header promises.
DEFLATE_MOST = 1032

_CHUNK_BYTES = 2**24


def fault(path: str, message: str) -> InputError:
    """The InputError to raise for `path`: one printable line, even if the file's name is not."""
    text = f"{path}: {message}"
    return InputError(
        "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)
    )


@contextlib.contextmanager
def reading(path: str) -> Iterator[None]:
    """The one place where what the operating system refuses becomes an InputError."""
    if "\0" in path:
        raise fault(path, "found a zero byte in the path, expected the path of a file")
    try:
        yield
    except OSError as error:
        raise fault(
            str(error.filename or path),
            f"cannot be read ({error.strerror or error}); expected a file that this user may read, "
            "check the path and its permissions",
        ) from error
    except MemoryError as error:
        raise fault(path, "found more data than there is memory, expected less") from error


def size_bytes(path: str) -> int:
    """The size of the file, in bytes.

    Raises:
      InputError: it is a folder, is empty, or is a device or a pipe, whose length nobody knows.
      OSError: it is missing or may not be read; `reading` turns that into an InputError.
    """
    status = os.stat(path)
    if stat.S_ISDIR(status.st_mode):
        raise fault(path, "found a folder, expected a file; give the path of the file itself")
    if not stat.S_ISREG(status.st_mode):
        raise fault(path, "found a device or a pipe, expected a regular file")
    if status.st_size == 0:
        raise fault(path, "found an empty file, expected data; copy or download it again")
    return status.st_size


def promised_bytes(path: str, shape: tuple[int, ...], dtype: np.dtype) -> int:
    """How many bytes an array takes, in Python's integers, which do not overflow as NumPy's do.

    Raises:
      InputError: there is a dimension of zero, or less.
    """
    total = dtype.itemsize
    for extent in shape:
        if extent < 1:
            raise fault(path, f"found the shape {shape}, expected at least one value")
        total *= extent
    return total


def check_packed(path: str, promised: int, packed: int) -> None:
    """Refuses, before memory is taken, what a packed file cannot hold or should not.

    Args:
      promised: the bytes that the header announces.
      packed: the bytes of the packed file that is to deliver them.

    Raises:
      InputError: more than `packed` bytes can unpack to, or more than `PACKED_CAP_BYTES`.
    """
    if promised > PACKED_CAP_BYTES:
        raise fault(
            path,
            f"found a header that promises {promised} bytes, expected at most {PACKED_CAP_BYTES}; "
            "unpack the file if it really is that large",
        )
    if promised > packed * DEFLATE_MOST:
        raise fault(
            path,
            f"found {packed} packed bytes, expected enough for the {promised} bytes that its "
            "header promises; copy or download it again",
        )


def read_array(
    stream: Any, path: str, shape: tuple[int, ...], dtype: np.dtype, start: bytes = b""
) -> np.ndarray:
    """The rest of `stream` as an array, which it must fill exactly.

    Args:
      stream: stands behind `start`.
      path: for the messages.
      shape, dtype: what the header promised; the caller has checked that it is plausible.
      start: the first bytes of the array, where they were read together with the header.

    Returns:
      A writable array of that shape, in C order and in the byte order of `dtype`.

    Raises:
      InputError: the stream holds fewer bytes than promised, or more.
    """
    promised = promised_bytes(path, shape, dtype)
    # The pages of a fresh allocation are only claimed as they are written: a file that promises
    # more than it delivers takes no more memory than it delivers.
    buffer = np.empty(promised, np.uint8)
    filled = min(len(start), promised)
    buffer[:filled] = np.frombuffer(start, np.uint8, filled)
    while filled < promised:
        got = stream.readinto(memoryview(buffer)[filled : filled + _CHUNK_BYTES])
        if not got:
            raise fault(
                path,
                f"found {filled} bytes of data, expected the {promised} that its header promises; "
                "copy or download it again",
            )
        filled += got
    # Asking for one byte more also makes gzip and zip compare their checksums.
    if len(start) > promised or stream.read(1):
        raise fault(path, f"found bytes behind the data, expected it to end after {promised} bytes")
    return buffer.view(dtype).reshape(shape)
