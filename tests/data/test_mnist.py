"""MNIST: the real files where they lie beside the checkout, and the download without a network."""

import gzip
import hashlib
import pathlib
import struct

import numpy as np
import pytest

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.data import mnist

REAL = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "mnist"


@pytest.fixture
def real():
    if not REAL.is_dir():
        pytest.skip(f"no real MNIST in {REAL}")
    return str(REAL)


def write_split(folder, prefix, images, labels):
    """MNIST's two files of a split; the images gzipped."""
    header = b"\0\0\x08\x03" + struct.pack(">3I", len(labels), 28, 28)
    packed = gzip.compress(header + images, compresslevel=1)
    (folder / f"{prefix}-images-idx3-ubyte.gz").write_bytes(packed)
    header = b"\0\0\x08\x01" + struct.pack(">I", len(labels))
    (folder / f"{prefix}-labels-idx1-ubyte").write_bytes(header + labels)


@pytest.fixture
def small(tmp_path):
    """Three images a split, in MNIST's four files; two of them gzipped."""
    for prefix in ("train", "t10k"):
        write_split(tmp_path, prefix, bytes(range(3)) * 784, bytes([7, 8, 9]))
    return tmp_path


def error_of(*args, **kwargs):
    with pytest.raises(InputError) as caught:
        data.load(*args, **kwargs)
    assert str(caught.value).isprintable()
    return str(caught.value)


def test_stacked_digits_are_three_of_mnists(real):
    digits, stacked = data.load("mnist", real), data.load("stacked_mnist", real)
    assert stacked.x.shape == (60_000, 28, 28, 3) and stacked.x.dtype == np.uint8
    counts = np.bincount(stacked.label, minlength=1_000)
    assert len(counts) == 1_000 and counts.min() > 20 and counts.max() < 120  # 60 expected
    known = {image.tobytes(): label for image, label in zip(digits.x, digits.label, strict=True)}
    for image, label in zip(stacked.x[:20], stacked.label[:20], strict=True):
        found = [known[np.ascontiguousarray(image[..., i]).tobytes()] for i in range(3)]
        assert label == 100 * found[0] + 10 * found[1] + found[2]
    again, test = data.load("stacked_mnist", real), data.load("stacked_mnist", real, split="test")
    assert (again.x == stacked.x).all() and test.x.shape == (10_000, 28, 28, 3)


def test_real_train(real):
    dataset = data.load("mnist", real)
    assert dataset.x.shape == (60_000, 28, 28, 1) and dataset.x.dtype == np.uint8
    assert dataset.label.shape == (60_000,) and dataset.label.dtype == np.int32
    assert dataset.label[:5].tolist() == [5, 0, 4, 1, 9]
    assert dataset.x.mean() == pytest.approx(33.318, abs=1e-3)


def test_real_test(real):
    dataset = data.load("mnist", real, split="test")
    assert dataset.x.shape == (10_000, 28, 28, 1)
    assert dataset.label[0] == 7


def test_real_files_as_idx(real):
    dataset = data.load("idx", real)
    assert dataset.sha256 == data.load("mnist", real).sha256
    assert data.load("idx", real, split="test").x.shape == (10_000, 28, 28, 1)


def test_real_55000(real):
    whole = data.load("mnist", real)
    train, test = data.load_both("mnist_55000", real)
    assert train.x.shape == (55_000, 28, 28, 1) and train.x.dtype == np.uint8
    np.testing.assert_array_equal(train.x, whole.x[5_000:])
    np.testing.assert_array_equal(train.label, whole.label[5_000:])
    # TensorFlow 1's reader begins with these: mnist.train.labels[:5].
    assert train.label[:5].tolist() == [7, 3, 4, 6, 1]
    assert test.sha256 == data.load("mnist", real, split="test").sha256


def test_55000_leaves_the_first_5000_of_training_out(small):
    write_split(small, "train", bytes(5_000 * 784) + b"\x07" * 1_568, bytes(5_000) + b"\x03\x04")
    train, test = data.load_both("mnist_55000", str(small))
    assert train.x.shape == (2, 28, 28, 1) and (train.x == 7).all()
    assert train.label.tolist() == [3, 4] and train.name == "mnist_55000"
    assert test.label.tolist() == [7, 8, 9], "the test split is whole"
    assert len(data.load("mnist", str(small)).x) == 5_002


def test_55000_of_fewer_images(small):
    message = error_of("mnist_55000", str(small))
    assert "train-images-idx3-ubyte.gz: found 3 images, expected more than the 5000" in message


def test_plain_is_preferred(small):
    other = b"\0\0\x08\x03" + struct.pack(">3I", 3, 28, 28) + b"\xff" * 2352
    assert data.load("mnist", str(small)).x.max() == 2
    (small / "train-images-idx3-ubyte").write_bytes(other)
    assert data.load("mnist", str(small)).x.min() == 255
    assert data.load("mnist", str(small)).label.tolist() == [7, 8, 9]


def test_a_missing_file(small):
    (small / "t10k-labels-idx1-ubyte").unlink()
    assert len(data.load("mnist", str(small)).x) == 3, "train does not need the files of test"
    message = error_of("mnist", str(small), split="test")
    assert str(small) in message and "found neither t10k-labels-idx1-ubyte nor" in message
    assert "expected the four IDX files" in message


def test_a_missing_folder_and_a_file(small):
    assert "No such file" in error_of("mnist", str(small / "none"))
    path = str(small / "t10k-labels-idx1-ubyte")
    assert f"{path}: found a file, expected the folder" in error_of("mnist", path)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "train-images-idx3-ubyte",
            b"\0\0\x08\x03" + struct.pack(">3I", 3, 2, 2) + bytes(12),
            "found uint8 values in the shape (3, 2, 2), expected uint8 (n, 28, 28)",
        ),
        (
            "train-labels-idx1-ubyte",
            b"\0\0\x08\x01" + struct.pack(">I", 3) + bytes([1, 2, 10]),
            "found the label 10, expected 0 to 9",
        ),
        (
            "train-labels-idx1-ubyte",
            b"\0\0\x08\x01" + struct.pack(">I", 2) + bytes([1, 2]),
            "found 2 labels, expected 3",
        ),
    ],
)
def test_other_data_than_mnist(small, name, content, words):
    (small / name).write_bytes(content)
    message = error_of("mnist", str(small))
    assert str(small / name) in message and words in message


@pytest.fixture
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(tmp_path / "cache"))
    return tmp_path / "cache" / "datasets"


def archive_bytes(path):
    x = np.arange(3 * 784, dtype=np.uint8).reshape(3, 28, 28)
    y = np.array([1, 2, 3], np.uint8)
    np.savez(path, x_train=x, y_train=y, x_test=x[:2], y_test=y[:2])
    return path.read_bytes()


def test_no_network(cache, monkeypatch):
    def fail(folder):
        pathlib.Path(folder, "mnist.npz").write_bytes(b"the first bytes")
        raise Exception("URL fetch failure on\nhttps: None -- Name or service not known")

    monkeypatch.setattr(mnist, "_download", fail)
    message = error_of("mnist")
    assert "Name or service not known" in message
    assert "--data_dir=DIR with the four IDX files" in message
    assert "--dataset=digits" in message
    assert list(cache.iterdir()) == [], "part of a download is left"


def test_a_wrong_hash_is_not_kept(cache, monkeypatch):
    def deliver(folder):
        path = pathlib.Path(folder, "mnist.npz")
        archive_bytes(path)
        return str(path)

    monkeypatch.setattr(mnist, "_download", deliver)
    message = error_of("mnist")
    assert "found the SHA-256" in message and f"expected {mnist._SHA256}" in message
    assert list(cache.iterdir()) == []


def test_download_then_cache_then_repair(cache, monkeypatch, tmp_path):
    content = archive_bytes(tmp_path / "origin.npz")
    calls = []

    def deliver(folder):
        calls.append(folder)
        path = pathlib.Path(folder, "mnist.npz")
        path.write_bytes(content)
        return str(path)

    monkeypatch.setattr(mnist, "_download", deliver)
    monkeypatch.setattr(mnist, "_SHA256", hashlib.sha256(content).hexdigest())
    dataset = data.load("mnist")
    assert dataset.x.shape == (3, 28, 28, 1) and dataset.label.tolist() == [1, 2, 3]
    assert [path.name for path in cache.iterdir()] == ["mnist.npz"]
    assert data.load("mnist", split="test").label.tolist() == [1, 2]
    assert len(calls) == 1, "the cache was not used"
    (cache / "mnist.npz").write_bytes(content[:-1])
    assert data.load("mnist").sha256 == dataset.sha256
    assert len(calls) == 2, "a damaged cache was not replaced"
