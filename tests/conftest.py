"""What the tests share: two logical CPUs, and small data sets made on the spot."""

from ganflow.base import quiet  # noqa: F401 - before anything that imports TensorFlow
from ganflow.nn import replicas

replicas.make_logical_cpus(2)  # before TensorFlow runs its first operation

import numpy as np  # noqa: E402
import pytest  # noqa: E402

from ganflow import data  # noqa: E402


@pytest.fixture(scope="session")
def images() -> data.Dataset:
    """Fifty images of MNIST's shape and type, every pixel at random."""
    pixels = np.random.default_rng(0).integers(0, 256, (50, 28, 28, 1), dtype=np.uint8)
    label = np.arange(50, dtype=np.int32) % 10
    return data.Dataset("images", {"x": pixels, "label": label})


@pytest.fixture(scope="session")
def points() -> data.Dataset:
    """Fifty points in the plane."""
    x = np.random.default_rng(0).standard_normal((50, 2)).astype(np.float32)
    return data.Dataset("points", {"x": x})


@pytest.fixture(scope="session")
def classifiers(tmp_path_factory):
    """A folder for judging classifiers, of the tests' own: each is trained once for all of them."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture(scope="module")
def own_cache(classifiers):
    """The same, where `GANFLOW_CACHE` points, so that a user's is neither used nor filled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANFLOW_CACHE", str(classifiers))
        yield classifiers


@pytest.fixture(scope="session")
def two_replicas():
    """One strategy for all tests: TensorFlow mixes up the reductions of two in one process."""
    return replicas.make_strategy(2)


_LONGEST = (
    "test_resume",
    "test_reports",
    "test_every_model",
    "test_proving",
    "test_twins",
    "test_best",
)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Two workers share the tests file by file; those of one file for every model, model by model.

    A file's fixtures are then made once, and a model's steps compiled once; and one worker does all
    that needs the digits' classifier, which takes some twenty seconds to train. The files that take
    longest come first, so that neither waits for the other at the end.
    """
    items.sort(key=lambda item: item.path.stem not in _LONGEST)  # otherwise as they were
    for item in items:
        if "own_cache" in item.fixturenames:
            item.add_marker(pytest.mark.xdist_group("judged"))
            continue
        name = getattr(item, "callspec", None) and item.callspec.params.get("name")
        of_model = f", {name}" if item.path.name == "test_every_model.py" and name else ""
        item.add_marker(pytest.mark.xdist_group(f"{item.path.stem}{of_model}"))
