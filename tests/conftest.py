"""What the tests share: two logical CPUs, and small data sets made on the spot."""

from ganflow import quiet  # noqa: F401, I001 - before anything that imports TensorFlow
from ganflow import replicas

replicas.make_logical_cpus(2)  # before TensorFlow runs its first operation

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from ganflow import data  # noqa: E402


@pytest.fixture(scope="session")
def images() -> data.Dataset:
    """Fifty images of MNIST's shape and type, every pixel at random."""
    pixels = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)
    return data.Dataset("images", pixels, np.arange(50, dtype=np.int32) % 10)


@pytest.fixture(scope="session")
def points() -> data.Dataset:
    """Fifty points in the plane."""
    x = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
    return data.Dataset("points", x, None)


@pytest.fixture(scope="session")
def two_replicas():
    """One strategy for all tests: TensorFlow mixes up the reductions of two in one process."""
    return replicas.make_strategy(2)
