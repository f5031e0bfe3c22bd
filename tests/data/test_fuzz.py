"""Whatever bytes a file holds, reading it gives a sound array or an InputError, nothing else."""

import gzip
import io
import pathlib
import struct
import tempfile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ganflow import data
from ganflow.base.errors import InputError

IMAGES = np.arange(3 * 4 * 5, dtype=np.uint8).reshape(3, 4, 5)
POINTS = np.linspace(-2, 2, 12, dtype=np.float32).reshape(6, 2)


def npy(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def npz(save, **fields):
    stream = io.BytesIO()
    save(stream, **fields)
    return stream.getvalue()


LABELLED = {"x": IMAGES, "label": np.array([0, 1, 2])}
WORDS = {"x": IMAGES, "caption": np.array(["a red one", "blue", "a"])}
DOMAINS = {"a": IMAGES, "b": POINTS, "b_mass": np.ones(6), "caption": np.ones((2, 4), np.uint8)}


IDX = b"\0\0\x08\x03" + struct.pack(">3I", 3, 4, 5) + IMAGES.tobytes()
VALID = {
    "idx": ("idx", IDX),
    "idx points": (
        "idx",
        b"\0\0\x0d\x02" + struct.pack(">2I", 6, 2) + POINTS.astype(">f4").tobytes(),
    ),
    "idx.gz": ("idx", gzip.compress(IDX, mtime=0)),
    "npy": ("npy", npy(IMAGES)),
    "npy points": ("npy", npy(POINTS)),
    "npz": ("npz", npz(np.savez, **LABELLED)),
    "npz deflated": ("npz", npz(np.savez_compressed, **LABELLED)),
    "npz domains": ("npz", npz(np.savez, **DOMAINS)),
    "npz words": ("npz", npz(np.savez, **WORDS)),
}


def attempt(name, content):
    """True where the content was read, and then it is what `load` promises."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "file")
        path.write_bytes(content)
        try:
            dataset = data.load(name, str(path))
        except InputError as error:
            assert str(error).isprintable() and str(path) in str(error)
            return False
    for field, array in dataset.fields.items():
        assert array.size > 0 and len(array) == dataset.size(field)
        assert array.dtype in (np.uint8, np.float32, np.int32)
        if array.dtype == np.uint8:
            assert array.ndim == 4 and array.shape[3] in (1, 3)
        elif field in ("x", "a", "b"):
            assert array.dtype == np.float32
            assert array.shape[1:] == (2,) or array.ndim == 4 and array.shape[3] in (1, 3)
        elif field in ("label", "caption"):
            assert array.dtype == np.int32 and array.ndim == (1 if field == "label" else 2)
            assert array.min() >= 0
    return True


@pytest.mark.parametrize("case", VALID)
def test_the_unchanged_file_is_read(case):
    assert attempt(*VALID[case])


@settings(max_examples=100, deadline=None)
@given(
    name=st.sampled_from(["idx", "npy", "npz"]),
    start=st.sampled_from(
        [b"", b"\0\0\x08\x03", b"\x1f\x8b\x08\0", b"\x93NUMPY\x01\0", b"PK\x03\x04"]
    ),
    rest=st.binary(max_size=200),
)
def test_random_bytes(name, start, rest):
    # Random bytes cannot name their own length; a start of few enough values could be valid.
    read = attempt(name, start + rest)
    assert not read or name == "idx"


@pytest.mark.parametrize("case", VALID)
@settings(max_examples=150, deadline=None)
@given(draw=st.data())
def test_mutations(case, draw):
    name, content = VALID[case]
    content = bytearray(content)
    for _ in range(draw.draw(st.integers(1, 4))):
        # Damage in the header or in zip's directory at the end is likelier to matter.
        last = len(content) - 1
        place = st.one_of(st.integers(0, min(130, last)), st.integers(max(0, last - 250), last))
        content[draw.draw(place)] = draw.draw(st.sampled_from(list(range(256))))
    read = attempt(name, bytes(content))
    assert read or bytes(content) != VALID[case][1]  # what was not damaged after all is read


@pytest.mark.parametrize("case", VALID)
def test_every_truncation(case):
    name, content = VALID[case]
    step = max(1, len(content) // 150)
    for length in range(0, len(content), step):
        assert not attempt(name, content[:length]), f"read from {length} of {len(content)} bytes"


@pytest.mark.parametrize("case", VALID)
@settings(max_examples=30, deadline=None)
@given(tail=st.binary(min_size=1, max_size=40))
def test_bytes_behind_the_end(case, tail):
    name, content = VALID[case]
    read = attempt(name, content + tail)
    # gzip allows padding with zeros; zip allows a comment whose length the directory gives.
    assert not read or (case == "idx.gz" and not tail.strip(b"\0")) or name == "npz"
