"""NumPy's .npy and .npz files, with every promise checked before memory is taken.

`numpy.load` allocates what a header asks for, and unpacks an archive without a bound. Here NumPy
parses the header only; the values are read against the size of the file.
"""

import contextlib
import dataclasses
import io
import os
import warnings
import zipfile
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from ganflow.base.errors import InputError
from ganflow.data.readers import files

# NumPy's own header of a plain array takes 128 bytes. It is Python source text, which is why no
# more than this of it is ever handed to a parser.
_HEADER_BYTES = 4096


@dataclasses.dataclass(frozen=True)
class _Source:
    """The bytes of one .npy file, be it on disk or inside an archive."""

    stream: Any
    name: str  # for messages: the file, and the member in brackets
    size: int  # bytes of header and data that it must hold
    packed: int | None  # bytes of the archive that delivers them; None for a plain file


@contextlib.contextmanager
def _file(path: str) -> Iterator[_Source]:
    size = files.size_bytes(path)
    with open(path, "rb") as stream:
        yield _Source(stream, path, size, None)


@contextlib.contextmanager
def _archive(path: str) -> Iterator[zipfile.ZipFile]:
    """The zip archive; whatever zipfile and zlib raise on a damaged one becomes an InputError."""
    files.size_bytes(path)
    try:
        with zipfile.ZipFile(path) as archive:
            yield archive
    except (InputError, OSError, MemoryError):
        raise
    except Exception as error:  # damaged archives raise a dozen types, from struct to Unicode
        raise files.fault(
            path,
            f"found a damaged zip archive ({error}), expected a file that numpy.savez wrote; "
            "copy or write it again",
        ) from error


@contextlib.contextmanager
def _member(path: str, member: str) -> Iterator[_Source]:
    name = f"{path}[{member}]"
    with _archive(path) as archive:
        info = archive.getinfo(member + ".npy")
        if info.flag_bits & 1:
            raise files.fault(name, "found an encrypted member, expected one without a password")
        # Deflate's ratio is bounded, and numpy writes nothing else; bzip2's and LZMA's are not.
        if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
            raise files.fault(
                name,
                f"found the zip compression {info.compress_type}, expected stored (0) or deflated "
                "(8); write it with numpy.savez or numpy.savez_compressed",
            )
        with archive.open(info) as stream:
            yield _Source(stream, name, info.file_size, os.path.getsize(path))


def _header(source: _Source, text: bool) -> tuple[tuple[int, ...], bool, np.dtype, int, bytes]:
    """Shape, whether in Fortran order, type, length of the header, the first bytes of the data."""
    head = source.stream.read(_HEADER_BYTES)
    stream = io.BytesIO(head)
    try:
        version = np.lib.format.read_magic(stream)
        if version not in ((1, 0), (2, 0)):
            raise ValueError(f"version {version[0]}.{version[1]}, which plain arrays do not need")
        parse = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        with warnings.catch_warnings():  # a damaged header may be odd but valid Python
            warnings.simplefilter("ignore")
            shape, fortran, dtype = parse(stream, max_header_size=_HEADER_BYTES)
    except Exception as error:  # the header is evaluated as Python, which can fail in any way
        raise files.fault(
            source.name,
            f"found no valid header ({error}), expected a file that numpy.save wrote",
        ) from error
    if dtype.hasobject:
        raise files.fault(
            source.name,
            "found pickled Python objects, which are never loaded, expected uint8 or float values; "
            "save it again as such an array",
        )
    if not (dtype.kind in "biuf" or text and dtype.kind == "U" and dtype.itemsize):
        wanted = "numbers or text" if text else "numbers"
        raise files.fault(source.name, f"found the type {dtype}, expected {wanted}")
    return tuple(map(int, shape)), fortran, dtype, stream.tell(), head[stream.tell() :]


def _array(source: _Source, text: bool = False) -> np.ndarray:
    shape, fortran, dtype, header, start = _header(source, text)
    promised = files.promised_bytes(source.name, shape, dtype)
    if source.size != header + promised:
        raise files.fault(
            source.name,
            f"found {source.size} bytes, expected {header + promised} for the shape {shape} of "
            f"{dtype} in its header; write it again",
        )
    if source.packed is not None:
        files.check_packed(source.name, header + promised, source.packed)
    if fortran:
        return files.read_array(source.stream, source.name, shape[::-1], dtype, start).T
    return files.read_array(source.stream, source.name, shape, dtype, start)


def read(path: str) -> np.ndarray:
    """The array of a .npy file: boolean, integer or float, in any shape.

    Raises:
      InputError: damaged, truncated or over-long, pickled, not numbers, without values.
      OSError: the operating system refuses; `files.reading` maps it.
    """
    with _file(path) as source:
        return _array(source)


def members(path: str) -> list[str]:
    """The names of the arrays in a .npz file, in its order.

    Raises:
      InputError: it is no zip archive, or has two members of a name.
    """
    with _archive(path) as archive:
        names = [name[:-4] for name in archive.namelist() if name.endswith(".npy")]
    seen = set()
    for name in names:
        if name in seen:
            raise files.fault(f"{path}[{name}]", "found twice, expected one member of a name")
        seen.add(name)
    return names


def check_unpacked(path: str, wanted: Iterable[str]) -> None:
    """Refuses some `members(path)` that together promise more than the archive can hold.

    `read_member` bounds each of them; but members may share the bytes that deliver them.
    """
    with _archive(path) as archive:
        promised = sum(archive.getinfo(member + ".npy").file_size for member in wanted)
        files.check_packed(path, promised, os.path.getsize(path))


def read_member(path: str, member: str, text: bool = False) -> np.ndarray:
    """One array of a .npz file, one of `members(path)`; raises as `read` does.

    With `text` it may also be one of NumPy's strings, whose characters are still to be checked:
    see `arrays.check_sentences`.
    """
    with _member(path, member) as source:
        return _array(source, text)
