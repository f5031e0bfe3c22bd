"""Our engine, as users get it: the training loop of bin/train.py with its summaries."""

import atexit
import dataclasses
import shutil
import tempfile
import threading
from functools import partial

from benchmarks import works
from ganflow import data, engine, models
from ganflow.storage import workdir

MODEL = {"simple": "simple", "circle": "circle", "dcgan": "dcgan_upsampling"}
BATCH_SIZE = {"simple": 100, "circle": 128, "dcgan": 64}


def _engine(work: str) -> engine.Run:
    """A run as bin/train.py makes it, in a folder that goes when the process ends."""
    module = models.load(MODEL[work])
    x = works.circle_points() if work == "circle" else works.images().reshape(-1, 28, 28, 1)
    # All else at its defaults, summaries included.
    config = dataclasses.replace(module.Config(), batch_size=BATCH_SIZE[work])
    folder = tempfile.mkdtemp(prefix="ganflow-benchmark-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    options = engine.Options(workdir=folder)
    run = engine.Run(module, config, options, data.Dataset(config.dataset, {"x": x}))
    run.resume()  # a first checkpoint, as every run has
    return run


class _Training:
    """`Run.train`, the loop of bin/train.py, paused between segments.

    It runs in a thread of its own to no end, with its summaries and checkpoints where they fall,
    and waits inside its progress report while a segment's steps are done.
    """

    def __init__(self, run: engine.Run):
        self._run, self._target = run, 0
        self._go, self._done = threading.Semaphore(0), threading.Semaphore(0)
        self._failure: BaseException | None = None
        threading.Thread(target=self._train, daemon=True).start()

    def steps(self, count: int) -> int:
        """Let it do about `count` more steps; how many it did, for it stops between calls."""
        first = int(self._run.step)
        self._target = first + count
        self._go.release()
        self._done.acquire()
        if self._failure:
            raise self._failure
        return int(self._run.step) - first

    def _train(self):
        self._go.acquire()
        try:
            self._run.train(10**12, self._progress)
        except BaseException as error:
            self._failure = error
            self._done.release()

    def _progress(self, step):
        while step >= self._target:
            self._done.release()
            self._go.acquire()


def build(work: str) -> works.Contender:
    """The contender for one work."""
    run = _engine(work)

    def losses() -> dict[str, float]:
        rows = [row for row in workdir.Metrics(run.folder).rows() if row["step"]]
        return {name: rows[-1][name] for name in ("d_loss", "g_loss")} if rows else {}

    return works.Contender(_Training(run).steps, losses, unit=run.steps_per_call)


WORKS = {work: partial(build, work) for work in works.WORKS}
