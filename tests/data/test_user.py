"""A user's own files: which one of a folder, which members, where the labels lie."""

import gzip
import struct

import numpy as np
import pytest

from ganflow import data
from ganflow.base.errors import InputError

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


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize("names", [("x", "label"), ("x_train", "y_train"), ("images", "labels")])
def test_npz(tmp_path, names, save):
    path = tmp_path / "a.npz"
    save(path, **{names[0]: IMAGES, names[1]: np.array([3, 4])})
    for place in (path, tmp_path):
        dataset = data.load("npz", str(place))
        np.testing.assert_array_equal(dataset.x[..., 0], IMAGES)
        assert dataset.label.tolist() == [3, 4]
    save(path, **{names[0]: IMAGES})
    assert data.load("npz", str(path)).label is None
    save(path, **{names[0]: np.zeros((3, 2), np.float32)})
    assert data.load("npz", str(path)).is_points


def test_npz_test_split(tmp_path):
    path = str(tmp_path / "a.npz")
    np.savez(path, x_train=IMAGES, x_test=IMAGES[:1], y_test=np.array([9]))
    dataset = data.load("npz", path, split="test")
    assert len(dataset.x) == 1 and dataset.label.tolist() == [9]
    np.savez(path, x_test=IMAGES, y_test=np.array([1, 2]))
    message = error_of(data.load, "npz", path)
    assert "found the members x_test, y_test, expected for the train split: x, or a" in message


def test_idx_with_labels_and_folders(tmp_path):
    images = tmp_path / "my-images-idx3-ubyte"
    images.write_bytes(b"\0\0\x08\x03" + struct.pack(">3I", 2, 3, 4) + IMAGES.tobytes())
    assert data.load("idx", str(tmp_path)).label is None
    labels = tmp_path / "my-labels-idx1-ubyte"
    labels.write_bytes(b"\0\0\x08\x01" + struct.pack(">I", 2) + bytes([8, 1]))
    for place in (images, tmp_path):
        dataset = data.load("idx", str(place))
        np.testing.assert_array_equal(dataset.x[..., 0], IMAGES)
        assert dataset.label.tolist() == [8, 1]
    packed = tmp_path / (images.name + ".gz")
    packed.write_bytes(gzip.compress(images.read_bytes()))
    assert data.load("idx", str(packed)).label.tolist() == [8, 1], "plain labels beside a .gz"
    message = error_of(data.load, "idx", str(tmp_path), split="test")
    assert "found 2 examples, expected at least 5 to hold some out" in message
    points = tmp_path / "points"
    points.write_bytes(b"\0\0\x0d\x02" + struct.pack(">2I2f", 1, 2, 3, 4))
    dataset = data.load("idx", str(points))
    assert dataset.is_points and dataset.x.tolist() == [[3, 4]]


def test_a_folder_needs_exactly_one_file(tmp_path):
    for name in ("npy", "npz"):
        message = error_of(data.load, name, str(tmp_path))
        assert f"{tmp_path}: found 0 files *.{name} (none), expected exactly one" in message
    for name in ("a", "b"):
        saved(tmp_path / f"{name}.npy", IMAGES)
    assert "found 2 files *.npy (a.npy, b.npy)" in error_of(data.load, "npy", str(tmp_path))


def test_load_both_finds_the_test_split_where_there_is_one(tmp_path):
    path = tmp_path / "a.npz"
    np.savez(path, x_train=IMAGES, x_test=IMAGES[:1])
    train, held_out = data.load_both("npz", str(path))
    assert len(train.x) == 2 and len(held_out.x) == 1
    np.savez(path, x_train=IMAGES)
    assert data.load_both("npz", str(path))[1] is None
    assert data.load_both("npy", saved(tmp_path / "b.npy", IMAGES))[1] is None


def test_enlarge_makes_squares_of_pixels(tmp_path):
    path = saved(tmp_path / "a.npy", IMAGES)
    x = data.load("npy", path, enlarge=2).x
    assert x.shape == (2, 6, 8, 1)
    np.testing.assert_array_equal(x[0, :2, :2, 0], [[0, 0], [0, 0]])
    np.testing.assert_array_equal(x[:, ::2, 1::2, 0], IMAGES)
    assert "--enlarge=2" in error_of(data.load, "circle", enlarge=2)
