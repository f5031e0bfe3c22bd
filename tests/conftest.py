"""What the tests share: two logical CPUs, a cache, and small data sets made on the spot."""

import os
import signal
import tempfile

# A cache of the tests' own, so that a user's is neither used nor filled, and each judging
# classifier is trained once for all of them. The process that starts the workers makes it, before
# they and `processes` take its environment.
if "PYTEST_XDIST_WORKER" not in os.environ:
    _CACHE = tempfile.TemporaryDirectory(prefix="ganflow-tests-")
    os.environ["GANFLOW_CACHE"] = _CACHE.name

from ganflow.base import quiet  # noqa: F401 - before anything that imports TensorFlow
from ganflow.nn import replicas

replicas.make_logical_cpus(2)  # before TensorFlow runs its first operation
# A shell that runs the tests in the background has them ignore Ctrl-C, and the programs that they
# start would inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)

import re  # noqa: E402
from pathlib import Path  # noqa: E402

import numpy as np  # noqa: E402
import pytest  # noqa: E402
from browsing import browsing  # noqa: E402

from ganflow import data  # noqa: E402
from ganflow.storage import cache  # noqa: E402
from tests.cases import PROVING  # noqa: E402


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


@pytest.fixture(scope="session", autouse=True)
def proving_models_are_known():
    """The proving GANs are files of their own, which a program runs only once it knows them."""
    for name in PROVING:
        cache.remember_model(Path(__file__).parent / "proving" / f"{name}.py")


@pytest.fixture(scope="session")
def two_replicas():
    """One strategy for all tests: TensorFlow mixes up the reductions of two in one process."""
    return replicas.make_strategy(2)


# Two workers share the tests file by file, so that a file's fixtures are made once; those of one
# file for every model, model by model, so that a model's steps are compiled once. One worker does
# all that needs the digits' classifier, which takes twenty seconds to train.
_JUDGED = ("test_conditions", "test_evaluation", "test_metrics_features", "test_reports")
# These come first, so that neither worker waits long for the other at the end.
_LONGEST = (
    "test_resume",
    *_JUDGED,
    "test_every_model",
    "test_proving",
    "test_programs",
    "test_storage",
    "test_best",
)


def pytest_collection_modifyitems(items):
    rank = {name: i for i, name in enumerate(_LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.stem, len(rank)))  # otherwise as they were


def pytest_xdist_make_scheduler(config, log):
    from xdist.scheduler import LoadScopeScheduling

    class ByFileAndModel(LoadScopeScheduling):
        def _split_scope(self, nodeid):
            file = Path(nodeid.partition("::")[0]).stem
            if file == "test_every_model" and (name := re.search(r"\[(\w+)", nodeid)):
                return f"{file}, {name[1]}"
            return "judged" if file in _JUDGED else file

    return ByFileAndModel(config, log)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    """A `browsing.Browser`, one for all tests of a file."""
    with browsing(tmp_path_factory.mktemp("chromium")) as found:
        yield found
