"""A training in this process: built once, then put on one workdir after another.

It goes the way of bin/train.py (`programs.train.train`) but for the parsing of flags, in a fraction
of a process's time.
"""

import contextlib
import dataclasses
import functools
import io
import logging
import shutil
import traceback
from pathlib import Path

import numpy as np

import ganflow
from benchmarks.reliability import trainings
from ganflow.base.errors import GanflowError
from ganflow.programs import train
from ganflow.storage import checkpoints
from tests.processes import Ended

CIRCLE = {
    **{"model": "circle", "jit": "off", "batch_size": 16, "g_hidden": (8, 4), "d_hidden": (8, 4)},
    **{"summary_every": 5, "checkpoint_every": 4, "steps_per_call": 4},
}
DIGITS = {
    **{"model": "simple", "dataset": "digits", "jit": "off", "batch_size": 8, "z_size": 4},
    **{"g_hidden": (8,), "d_hidden": (8,), "summary_every": 5, "checkpoint_every": 4},
    **{"steps_per_call": 4},
}
STEPS, MORE_STEPS = 16, 24  # of what a case finds, and to which it trains on


class Here:
    """One model, whose steps are traced once."""

    def __init__(self, **settings):
        """Args:
        settings: as for `ganflow.build`.
        """
        self.run = ganflow.build(**settings)
        self._first = self.state()

    def state(self) -> list[np.ndarray]:
        """Every number that a checkpoint has, as it is now."""
        return [variable.numpy() for variable in self._variables()]

    def _variables(self):
        run = self.run
        average = run.average.variables if run.average is not None else ()
        return [*run.gan.variables, *run.means.variables, *average, run.step]

    def put_on(self, folder: Path, until: int = STEPS) -> None:
        """A new run in this folder, at its start."""
        run = self.run
        for variable, value in zip(self._variables(), self._first, strict=True):
            variable.assign(value)
        run.folder, run.rows = folder, []
        run.options = dataclasses.replace(run.options, workdir=str(folder))
        run.config = dataclasses.replace(run.config, steps=until)

    def train(self, folder: Path, until: int = STEPS, **how) -> Ended:
        """Train in a folder, or go on in it; how it ended, as a process would have.

        Args:
          folder: the workdir.
          until: the step.
          how: more for `programs.train.train`.

        Raises:
          KeyboardInterrupt: a signal asked it to stop.
        """
        self.put_on(folder, until)
        out, log = io.StringIO(), logging.StreamHandler(io.StringIO())
        log.setFormatter(logging.Formatter("I0000 00:00:00.0 0 here.py:0] %(message)s"))
        logger = logging.getLogger("absl")
        logger.addHandler(log)
        level = logger.level
        logger.setLevel(logging.INFO)
        try:
            with contextlib.redirect_stdout(out):
                code = train.train(self.run, **how)
        except GanflowError as error:
            code = error.exit_code
            log.stream.write(f"train.py: {error}\n")
        except Exception:  # a defect; bin/train.py would end with code 1
            code = 1
            log.stream.write(traceback.format_exc())
        finally:
            logger.setLevel(level)
            logger.removeHandler(log)
        if (
            code >= 128
        ):  # a signal to this process, which the training has heard: it was meant for us
            raise KeyboardInterrupt
        return Ended(code, out.getvalue(), log.stream.getvalue())

    def newest(self, folder: Path) -> int | None:
        """The step of the newest sound checkpoint; None without any."""
        sound = checkpoints.newest_sound(folder / "checkpoints")
        return None if sound is None else sound.step

    def copy(self, of: Path, to: Path) -> Path:
        """A workdir's copy, links and pipes as they are."""
        shutil.rmtree(to, ignore_errors=True)
        return Path(shutil.copytree(of, to, symlinks=True))


@functools.cache
def circle() -> Here:
    """A small circle, built once in this process."""
    return Here(**CIRCLE)


def whole(shared: Path) -> Path:
    """The workdir of its undisturbed run, trained where it is not there yet."""
    workdir = shared / "whole"
    if not (shared / "done").exists():
        ended = circle().train(workdir)
        assert ended.code == 0, ended.err
        (shared / "done").touch()
    return workdir


def goes_on(workdir: Path, shared: Path) -> str:
    """Start again in this process and train to the end: what was wrong with it, or ""."""
    ended = circle().train(workdir)
    return trainings.fault_of_end(ended, {0}) or trainings.difference(whole(shared), workdir)
