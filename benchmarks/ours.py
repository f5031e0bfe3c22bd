"""Our engine, by the way users get it: the training loop with its summaries."""

import atexit
import shutil
import tempfile
from collections.abc import Callable
from functools import partial
from typing import Any

from benchmarks import works


def _engine(work: str) -> tuple[Callable[[int], None], Callable[[], dict[str, float]]]:
    """Returns (train until step n, the latest losses). All that knows the engine is here."""
    from ganflow import engine

    workdir = tempfile.mkdtemp(prefix="ganflow-benchmark-")
    atexit.register(shutil.rmtree, workdir, ignore_errors=True)
    dataset = works.circle_points() if work == "circle" else works.images()
    settings: dict[str, Any] = {"batch_size": {"simple": 100, "circle": 128, "dcgan": 64}[work]}
    run = engine.Run(model=work, dataset=dataset, workdir=workdir, flags=settings)

    def losses() -> dict[str, float]:
        # TODO: read them from the run, so that the worker can check that they are finite.
        return {}

    return run.train, losses


def build(work: str) -> works.Contender:
    """The contender for one work."""
    train, losses = _engine(work)
    done = 0

    def run(n_steps: int) -> None:
        nonlocal done
        done += n_steps
        train(done)

    return works.Contender(run=run, losses=losses, unit=1)


WORKS = {work: partial(build, work) for work in works.WORKS}
