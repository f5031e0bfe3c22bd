"""Damaged .npy and .npz files, and archives that promise or unpack to more than they should."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.data.readers import npy

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def error_of(call, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert message.isprintable(), "the message is not one printable line"
    return message


def npy_bytes(array, **kwargs):
    stream = io.BytesIO()
    np.lib.format.write_array(stream, array, **kwargs)
    return stream.getvalue()


NPY = npy_bytes(IMAGES)
HUGE = NPY.replace(b"(2, 3, 4), }                ", b"(2000000000, 2000000000, 4), }")[: len(NPY)]
BAD_NPY = {
    "magic": (b"PK" + NPY[2:], "no valid header", "numpy.save"),
    "empty": (b"", "found an empty file", "expected data"),
    "magic cut": (NPY[:4], "no valid header", "numpy.save"),
    "header cut": (NPY[:60], "no valid header", "numpy.save"),
    "version": (npy_bytes(IMAGES, version=(3, 0)), "version 3.0", "numpy.save"),
    "nested": (NPY[:10] + b"(" * 118 + NPY[128:], "no valid header", "numpy.save"),
    "keys": (NPY.replace(b"'shape'", b"'shapf'"), "no valid header", "numpy.save"),
    "minus": (NPY.replace(b"(2, 3", b"(-2,3"), "found the shape (-2, 3, 4)", "at least one"),
    "truncated": (NPY[:-1], "found 151 bytes", "expected 152"),
    "trailing": (NPY + b"\0", "found 153 bytes", "expected 152"),
    "huge": (HUGE, "found 152 bytes", "expected 16000000000000000128 for the shape"),
    "long header": (b"\x93NUMPY\x02\0" + b"\xff" * 4 + NPY[10:], "no valid header", "numpy.save"),
}


@pytest.mark.parametrize("case", BAD_NPY)
def test_bad_npy(tmp_path, case):
    content, found, expected = BAD_NPY[case]
    path = tmp_path / "a.npy"
    path.write_bytes(content)
    message = error_of(data.load, "npy", str(path))
    assert str(path) in message and found in message and expected in message
    if case == "empty":
        return
    with zipfile.ZipFile(tmp_path / "a.npz", "w") as archive:
        archive.writestr("x.npy", content)
    message = error_of(data.load, "npz", str(tmp_path / "a.npz"))
    assert f"{tmp_path / 'a.npz'}[x]" in message and found in message and expected in message


def test_version_2_is_read(tmp_path):
    (tmp_path / "a.npy").write_bytes(npy_bytes(IMAGES, version=(2, 0)))
    np.testing.assert_array_equal(npy.read(str(tmp_path / "a.npy")), IMAGES)


def zipped(content, **kwargs):
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", **kwargs) as archive:
        archive.writestr("x.npy", content)
    return stream.getvalue()


def patched(content, *changes):
    """Overwrites bytes of the zip's central directory, given as (offset there, new bytes)."""
    content = bytearray(content)
    directory = content.rindex(b"PK\x01\x02")
    for offset, new in changes:
        content[directory + offset : directory + offset + len(new)] = new
    return bytes(content)


STORED = zipped(NPY)
DEFLATED = zipped(NPY, compression=zipfile.ZIP_DEFLATED)
BOMB = zipped(NPY + bytes(2**26), compression=zipfile.ZIP_DEFLATED)
BAD_ZIP = {
    "no zip": (NPY, "damaged zip archive", "numpy.savez"),
    "cut": (STORED[:-30], "damaged zip archive", "numpy.savez"),
    "checksum": (STORED.replace(IMAGES.tobytes(), bytes(24)), "Bad CRC-32", "numpy.savez"),
    "deflate": (DEFLATED.replace(DEFLATED[40:60], b"\xff" * 20), "damaged zip", "numpy.savez"),
    "encrypted": (patched(STORED, (8, b"\1")), "encrypted member", "without a password"),
    "bzip2": (zipped(NPY, compression=zipfile.ZIP_BZIP2), "compression 12", "deflated (8)"),
    "size": (patched(STORED, (24, struct.pack("<I", 999))), "found 999 bytes", "expected 152"),
    "bomb": (BOMB, f"found {len(NPY) + 2**26} bytes", "expected 152"),
    "hidden bomb": (patched(BOMB, (24, struct.pack("<I", 152))), "damaged zip", "numpy.savez"),
}


@pytest.mark.parametrize("case", BAD_ZIP)
def test_bad_zip(tmp_path, case):
    content, found, expected = BAD_ZIP[case]
    path = tmp_path / "a.npz"
    path.write_bytes(content)
    tracemalloc.start()
    try:
        message = error_of(data.load, "npz", str(path))
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert str(path) in message and found in message and expected in message


def test_a_member_that_its_archive_cannot_hold(tmp_path):
    header = npy_bytes(np.zeros(0, np.uint8)).replace(b"(0,), }           ", b"(60000, 28, 28), }")
    size = struct.pack("<I", len(header) + 60000 * 784)
    content = patched(zipped(header, compression=zipfile.ZIP_DEFLATED), (24, size))
    (tmp_path / "a.npz").write_bytes(content)
    message = error_of(npy.read_member, str(tmp_path / "a.npz"), "x")
    assert "packed bytes, expected enough for the 47040128" in message
