"""The embedded digits, and what `load` says about names and splits."""

import subprocess
import sys

import numpy as np
import pytest

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.data import digits


def test_digits():
    dataset = data.Dataset("digits", digits.load())
    assert dataset.x.shape == (1797, 28, 28, 1) and dataset.x.dtype == np.uint8
    assert dataset.label.dtype == np.int32
    assert dataset.label[:12].tolist() == [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1]
    assert np.bincount(dataset.label).tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    assert (dataset.x.min(), dataset.x.max()) == (0, 255)
    assert dataset.example_shape == (28, 28, 1) and not dataset.is_points


def test_resizing_keeps_the_picture():
    from sklearn.datasets import load_digits

    small = load_digits().images * (255 / 16)
    large = digits.load()["x"][..., 0].astype(float)
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


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"name": "digit"}, ["'digit'", "did you mean digits?"]),
        ({"name": "gausians_8"}, ["did you mean gaussians_8?"]),
        ({"name": "MNIST\n"}, ["'MNIST\\n'", "expected one of digits, mnist"]),
        ({"name": "mnist_5500"}, ["did you mean mnist_55000?"]),
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


def test_import_is_light():
    code = "import sys, ganflow.data; print({'tensorflow', 'keras', 'sklearn'} & set(sys.modules))"
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout
    assert printed.strip() == b"set()"
