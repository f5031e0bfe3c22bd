"""A user's own arrays: shapes, types, ranges and labels."""

import numpy as np
import pytest
from absl import logging

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.data.readers import arrays

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def error_of(call, *args, **kwargs):
    with pytest.raises(InputError) as caught:
        call(*args, **kwargs)
    message = str(caught.value)
    assert message.isprintable(), "the message is not one printable line"
    return message


def saved(path, array):
    np.save(path, array)
    return str(path)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(2, 3, 4), (2, 3, 4, 1), (2, 3, 4, 3)])
def test_uint8_images(tmp_path, shape, order):
    wanted = np.arange(np.prod(shape), dtype=np.uint8).reshape(shape)
    dataset = data.load("npy", saved(tmp_path / "a.npy", np.asarray(wanted, order=order)))
    assert dataset.x.dtype == np.uint8 and dataset.x.flags.c_contiguous
    np.testing.assert_array_equal(dataset.x, wanted.reshape(2, 3, 4, -1))
    assert dataset.label is None and not dataset.is_points


@pytest.mark.parametrize("dtype", ["<f2", "<f4", ">f4", "<f8", ">f8"])
def test_float_ranges(tmp_path, dtype, monkeypatch):
    lines = []
    monkeypatch.setattr(logging, "info", lambda text, *args: lines.append(text % args))
    image = np.array([[[0, 0.25], [0.5, 1]]], dtype)
    path = saved(tmp_path / "a.npy", image)
    x = data.load("npy", path).x
    assert x.dtype == np.dtype("=f4") and x.ravel().tolist() == [-1, -0.5, 0, 1]
    signed = data.load("npy", saved(tmp_path / "a.npy", image - 1)).x
    assert signed.ravel().tolist() == [-1, -0.75, -0.5, 0]
    assert lines == [
        f"{path}: float images in [0, 1], scaled to [-1, 1]",
        f"{path}: float images in [-1, 1], taken as they are",
    ]


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_points_keep_their_units(tmp_path, dtype):
    path = saved(tmp_path / "a.npy", np.array([[3, -7], [0.5, 100]], dtype))
    dataset = data.load("npy", path)
    assert dataset.is_points and dataset.x.dtype == np.float32
    assert dataset.x.tolist() == [[3, -7], [0.5, 100]]


FLOATS = np.zeros((2, 3, 4), np.float32)
BAD_ARRAYS = {
    "vector": (np.zeros(5, np.float32), "found the shape (5,)", "images [n, h, w]"),
    "scalar": (np.float32(1), "found the shape ()", "images [n, h, w]"),
    "rows": (np.zeros((5, 784), np.uint8), "found the shape (5, 784)", "reshape it"),
    "channels": (np.zeros((5, 2, 2, 4), np.uint8), "found the shape (5, 2, 2, 4)", "1 or 3"),
    "volume": (np.zeros((5, 2, 2, 2, 1), np.uint8), "(5, 2, 2, 2, 1)", "1 or 3"),
    "no image": (np.zeros((0, 2, 2), np.uint8), "found the shape (0, 2, 2)", "at least one"),
    "uint8 points": (
        np.zeros((5, 2), np.uint8),
        "uint8 values in the shape (5, 2)",
        "expected flo",
    ),
    "int images": (np.zeros((5, 2, 2), np.int64), "found int64", "float64, or uint8"),
    "bool images": (np.zeros((5, 2, 2), bool), "found bool", "float64, or uint8"),
    "long floats": (np.zeros((5, 2, 2), np.longdouble), "found float128", "float64, or uint8"),
    "complex": (np.zeros((5, 2), np.complex64), "found the type complex64", "expected numbers"),
    "text": (np.array(["a", "b"]), "found the type <U1", "expected numbers"),
    "records": (np.zeros(5, [("x", "f4")]), "found the type", "expected numbers"),
    "objects": (np.array([{}, None]), "pickled Python objects", "expected uint8 or float"),
    "0 to 255": (FLOATS + 255, "float images from 255 to 255", "save them as uint8"),
    "-1 to 2": (FLOATS + [-1, 0, 1, 2], "float images from -1 to 2", "all in [0, 1]"),
    "-0.5 to 1.5": (FLOATS + [-0.5, 1.5, 0, 0], "from -0.5 to 1.5", "all in [-1, 1]"),
    "nan": (
        np.where(np.arange(24) > 4, np.nan, 0).reshape(2, 3, 4),
        "nan at index (0, 1, 1, 0)",
        "f",
    ),
    "inf": (np.array([[0, 1], [2, -np.inf]]), "found -inf at index (1, 1)", "finite"),
    "overflow": (np.array([[0, 1], [1e39, 2]]), "found inf at index (1, 0)", "float32"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", BAD_ARRAYS)
def test_bad_array(tmp_path, case):
    array, found, expected = BAD_ARRAYS[case]
    path = saved(tmp_path / "a.npy", array)
    np.savez(tmp_path / "a.npz", x=array)
    for message in (
        error_of(data.load, "npy", path),
        error_of(data.load, "npz", str(tmp_path / "a.npz")),
    ):
        assert str(tmp_path) in message and found in message and expected in message


def test_an_array_from_elsewhere_is_checked_for_emptiness():
    assert "holds no example" in error_of(arrays.check_examples, "a", np.zeros((0, 2)))


BAD_LABELS = {
    "short": (np.array([1]), "found 1 labels, expected 2"),
    "long": (np.array([1, 2, 3]), "found 3 labels, expected 2"),
    "float": (np.array([1.0, 2.0]), "float64 in the shape (2,), expected integers (2,)"),
    "bool": (np.array([True, False]), "found labels of bool"),
    "one-hot": (np.eye(2, dtype=int), "in the shape (2, 2), expected integers (2,)"),
    "negative": (np.array([0, -1]), "found labels from -1 to 0"),
    "wide": (np.array([0, 2**63], np.uint64), "found labels from 0 to 9223372036854775808"),
}


@pytest.mark.parametrize("case", BAD_LABELS)
def test_bad_labels(tmp_path, case):
    label, words = BAD_LABELS[case]
    path = saved(tmp_path / "a.npy", IMAGES)
    label_path = saved(tmp_path / "a_labels.npy", label)
    np.savez(tmp_path / "a.npz", x=IMAGES, label=label)
    message = error_of(data.load, "npy", path)
    assert label_path in message and words in message
    message = error_of(data.load, "npz", str(tmp_path / "a.npz"))
    assert str(tmp_path / "a.npz[label]") in message and words in message


@pytest.mark.parametrize("dtype", [np.uint8, np.int8, np.int64, np.uint64, ">i2"])
def test_labels_beside_npy(tmp_path, dtype):
    saved(tmp_path / "a_labels.npy", np.array([5, 0], dtype))
    saved(tmp_path / "a.npy", IMAGES)
    for place in (tmp_path, tmp_path / "a.npy"):
        label = data.load("npy", str(place)).label
        assert label.dtype == np.dtype("=i4") and label.tolist() == [5, 0]
