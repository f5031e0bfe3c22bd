"""IDX files: literal bytes, round trips through gzip, and every way in which one can be wrong."""

import gzip
import struct
import tracemalloc

import numpy as np
import pytest

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.data.readers import files, idx

TWO_BY_TWO = b"\0\0\x08\x03" + struct.pack(">3I", 1, 2, 2) + bytes([0, 1, 254, 255])


def write(path, content):
    path.write_bytes(content)
    return str(path)


def idx_bytes(array):
    code = {"uint8": 0x08, "float32": 0x0D}[array.dtype.name]
    header = bytes([0, 0, code, array.ndim]) + struct.pack(f">{array.ndim}I", *array.shape)
    return header + array.astype(array.dtype.newbyteorder(">")).tobytes()


def error_of(call, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert message.isprintable(), "the message is not one printable line"
    return message


def test_literal_bytes(tmp_path):
    values = idx.read(write(tmp_path / "a", TWO_BY_TWO))
    assert values.dtype == np.uint8
    assert values.tolist() == [[[0, 1], [254, 255]]]


def test_literal_float_is_big_endian(tmp_path):
    content = b"\0\0\x0d\x02" + struct.pack(">2I2f", 1, 2, 1.5, -2.0)
    values = idx.read(write(tmp_path / "a", content))
    assert values.dtype == np.dtype("=f4")
    assert values.tolist() == [[1.5, -2.0]]


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
@pytest.mark.parametrize("shape", [(7,), (4, 2), (3, 5, 4), (2, 4, 3, 3)])
def test_round_trip(tmp_path, shape, dtype, pack):
    wanted = np.arange(np.prod(shape)).reshape(shape).astype(dtype)
    path = write(tmp_path / "a", pack(idx_bytes(wanted)))
    np.testing.assert_array_equal(idx.read(path), wanted)


def test_an_unpacked_file_may_keep_its_gz_name(tmp_path):
    assert idx.read(write(tmp_path / "a.gz", TWO_BY_TWO)).shape == (1, 2, 2)


GZ = gzip.compress(TWO_BY_TWO)
BAD = {
    "first byte": (b"\x01" + TWO_BY_TWO[1:], "01 00 08 03", "expected an IDX file"),
    "type code": (b"\0\0\x0c\x03" + TWO_BY_TWO[4:], "00 00 0c 03", "08 (uint8)"),
    "text": (b"hello world", "68 65 6c 6c", "expected an IDX file"),
    "magic cut": (b"\0\0\x08", "00 00 08", "expected an IDX file"),
    "no dimension": (b"\0\0\x08\x00", "found 0 dimensions", "expected 1 (labels)"),
    "dimensions": (b"\0\0\x08\x05" + bytes(40), "found 5 dimensions", "expected 1 (labels)"),
    "header cut": (TWO_BY_TWO[:9], "found 9 bytes", "expected a header of 16"),
    "truncated": (TWO_BY_TWO[:-1], "found 19 bytes", "expected 20"),
    "trailing": (TWO_BY_TWO + b"\0", "found 21 bytes", "expected 20"),
    "huge": (b"\0\0\x08\x03" + b"\xff" * 12, "found 16 bytes", "expected 79228162458924105385300"),
    "zero images": (b"\0\0\x08\x03" + struct.pack(">3I", 0, 2, 2), "(0, 2, 2)", "at least one"),
    "gz cut": (GZ[:-9], "truncated gzip", "expected a whole one"),
    "gz header cut": (GZ[:5], "truncated gzip", "expected a whole one"),
    "gz checksum": (GZ[:-8] + b"\0\0\0\0" + GZ[-4:], "damaged", "expected a whole one"),
    "gz deflate": (GZ[:10] + b"\xff" * 20, "damaged", "expected a whole one"),
    "gz garbage": (GZ + b"garbage", "Not a gzipped file", "expected a whole one"),
    "gz short": (gzip.compress(TWO_BY_TWO[:-1]), "found 3 bytes", "expected the 4"),
    "gz over-long": (gzip.compress(TWO_BY_TWO + b"\0"), "bytes behind the data", "after 4 bytes"),
    "gz huge": (
        gzip.compress(b"\0\0\x08\x03" + b"\xff" * 12),
        "promises",
        "expected at most 858993",
    ),
    "gz too large for its size": (
        gzip.compress(b"\0\0\x08\x03" + struct.pack(">3I", 60000, 28, 28)),
        "packed bytes",
        "expected enough for the 47040016",
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_file(tmp_path, case):
    content, found, expected = BAD[case]
    path = write(tmp_path / "broken-idx3", content)
    for call in (lambda: idx.read(path), lambda: data.load("idx", path)):
        message = error_of(call)
        assert path in message
        assert found in message
        assert expected in message


def test_empty_missing_and_folder(tmp_path):
    path = write(tmp_path / "empty", b"")
    assert f"{path}: found an empty file, expected" in error_of(data.load, "idx", path)
    path = str(tmp_path / "missing")
    message = error_of(data.load, "idx", path)
    assert path in message and "No such file" in message and "expected" in message
    assert "found a folder, expected a file" in error_of(idx.read, str(tmp_path))
    assert "found a device" in error_of(data.load, "idx", "/dev/null")
    assert "zero byte" in error_of(data.load, "idx", "a\0b")


def test_refused_by_the_operating_system(tmp_path, monkeypatch):
    path = write(tmp_path / "a", TWO_BY_TWO)

    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("builtins.open", refuse)
    message = error_of(data.load, "idx", path)
    assert path in message and "Permission denied" in message and "check the path" in message


def test_unreadable_folder(tmp_path, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", path)

    monkeypatch.setattr("os.listdir", refuse)
    for name in ("idx", "npy", "npz", "mnist"):
        assert f"{tmp_path}: cannot be read (Permission" in error_of(data.load, name, str(tmp_path))


def test_out_of_memory_is_told(tmp_path, monkeypatch):
    def refuse(*args, **kwargs):
        raise MemoryError

    path = write(tmp_path / "a", TWO_BY_TWO)
    monkeypatch.setattr(files, "read_array", refuse)
    assert f"{path}: found more data than there is memory" in error_of(data.load, "idx", path)


def test_a_bomb_takes_no_more_than_it_promises(tmp_path):
    bomb = gzip.compress(TWO_BY_TWO + bytes(2**26))  # 64 MiB of zeros in 64 KiB
    path = write(tmp_path / "bomb", bomb)
    tracemalloc.start()
    try:
        error_of(idx.read, path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()


def test_a_line_break_in_a_name_stays_on_one_line(tmp_path):
    path = write(tmp_path / "two\nlines\udc80", b"no idx")
    assert "two\\nlines\\udc80: found" in error_of(data.load, "idx", path)
