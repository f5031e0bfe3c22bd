"""The embedded digits, and what `load` says about names, splits and batches."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest

from ganflow import data
from ganflow.errors import InputError


def test_digits():
    dataset = data.load("digits")
    assert dataset.x.shape == (1797, 28, 28, 1) and dataset.x.dtype == np.uint8
    assert dataset.label.dtype == np.int32
    assert dataset.label[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert np.bincount(dataset.label).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (dataset.x.min(), dataset.x.max()) == (0, 255)
    assert dataset.example_shape == (28, 28, 1) and not dataset.is_points
    assert not data.is_points("digits")


def test_resizing_keeps_the_picture():
    from sklearn.datasets import load_digits

    small = load_digits().images * (255 / 16)
    large = data.load("digits").x[..., 0].astype(float)
    # Seven large pixels lie on two small ones; the means over such blocks must agree, and agree
    # less once the picture is moved by one pixel either way.
    wanted = small.reshape(-1, 4, 2, 4, 2).mean(axis=(2, 4))

    def agreement(images):
        found = images.reshape(-1, 4, 7, 4, 7).mean(axis=(2, 4))
        return np.corrcoef(found.ravel(), wanted.ravel())[0, 1]

    assert agreement(large) > 0.99
    for axis in (1, 2):
        for step in (-1, 1):
            assert agreement(np.roll(large, step, axis)) < agreement(large)


def test_sha256_is_over_the_content():
    dataset = data.load("digits")
    assert len(dataset.sha256) == 64
    assert dataclasses.replace(dataset, name="other").sha256 == dataset.sha256
    assert dataclasses.replace(dataset, label=None).sha256 != dataset.sha256
    flat = dataclasses.replace(dataset, x=dataset.x.reshape(1797, 14, 56, 1))
    assert flat.sha256 != dataset.sha256
    signed = dataclasses.replace(dataset, x=dataset.x.view(np.int8))
    assert signed.sha256 != dataset.sha256
    changed = dataset.x.copy()
    changed[5, 5, 5, 0] ^= 1
    assert dataclasses.replace(dataset, x=changed).sha256 != dataset.sha256


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "digit"}, ["'digit'", "did you mean digits?"]),
        ({"name": "gausians_8"}, ["did you mean gaussians_8?"]),
        ({"name": "MNIST\n"}, ["'MNIST\\n'", "expected one of digits, mnist"]),
        ({"name": "digits", "split": "test"}, ["digits", "no test split"]),
        ({"name": "circle", "split": "test"}, ["circle", "no test split"]),
        ({"name": "digits", "split": "valid"}, ["'valid'", "expected one of train, test"]),
        ({"name": "idx"}, ["idx", "no --data_dir"]),
        ({"name": "npy", "data_dir": ""}, ["npy", "no --data_dir"]),
        ({"name": "digits", "data_dir": "/data"}, ["digits", "'/data'", "expected none"]),
    ],
)
def test_bad_arguments(arguments, words):
    with pytest.raises(InputError) as caught:
        data.load(**arguments)
    for word in words:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_is_points_refuses_an_unknown_name():
    with pytest.raises(InputError, match="did you mean circle"):
        data.is_points("circel")


def test_check_batch():
    def of(count):
        return data.Dataset("own", np.zeros((count, 2), np.float32), None)

    assert data.check_batch(of(5), 5) is None
    for count, batch_size, words in (
        (4, 5, "own: found 4 examples, expected at least the 5"),
        (0, 1, "own: found 0 examples, expected at least the 1"),
        (4, 0, "--batch_size=0, expected at least 1"),
    ):
        with pytest.raises(InputError) as caught:
            data.check_batch(of(count), batch_size)
        assert words in str(caught.value)


def test_import_is_light():
    code = "import sys, ganflow.data; print({'tensorflow', 'keras', 'sklearn'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert printed.strip() == b"set()"
