"""Which pictures a summary has, and drawing them.

A figure of matplotlib's takes a quarter of a second, in which `circle` does 4,000 steps. So all
drawing together may take a small share of the time; step 0 and the last summary always have theirs.
"""

import dataclasses
import os
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from ganflow.base.errors import InputError
from ganflow.pictures import grids, heat, scores, sheets, strips, surface
from ganflow.storage import reading, workdir
from ganflow.summaries import events
from ganflow.summaries.moments import COLUMNS, SamplerEye, Seen
from ganflow.summaries.writer import picture_tag

SHARE = 0.03  # of the time, in seconds of the CPU
_IN_STRIP = 12  # images in a row of the strip
_PAIRED = 16  # samples shown beside their nearest neighbours
_READ, _READ_PIXELS = 10, 64  # samples shown beside their captions, and how high about
_OFTEN = ("samples", "samples_ema")  # the others are rare


class Budget:
    """Which pictures may be drawn now: by their names, and what each took the last time."""

    def __init__(self, clock: Callable[[], float] = time.monotonic):
        self._clock, self._start = clock, clock()
        self._spent_seconds: dict[str, float] = {}
        self._took_seconds: dict[str, float] = {}
        self._promised: set[str] = set()  # not yet drawn
        self._owed: set[str] = set()  # rare ones that have come due

    def plan(self, names: list[str], rare: bool, always: bool) -> list[str]:
        """Those of `names` that this summary has.

        Args:
          names: of all pictures that there could be; "a_to_b/scores" is a "scores".
          rare: whether the rare ones come due.
          always: whether all are drawn, whatever they take.
        """
        if always:
            self._owed.clear()
            return list(names)
        if rare:
            self._owed |= {name for name in names if kind(name) not in _OFTEN}
        # Each has a share of its own, or one that costs much would never come to its turn.
        affordable_seconds = SHARE / len(names) * (self._clock() - self._start)
        planned = []
        for name in names:
            spent = self._spent_seconds.get(name, 0.0) + self._took_seconds.get(name, 0.0)
            affordable = spent <= affordable_seconds
            wanted = kind(name) in _OFTEN or name in self._owed
            if wanted and affordable and name not in self._promised:
                planned.append(name)
                self._promised.add(name)
                self._owed.discard(name)
        return planned

    def took(self, name: str, seconds: float) -> None:
        """Told by whoever has drawn one."""
        if name in self._promised:
            self._promised.remove(name)
            self._spent_seconds[name] = self._spent_seconds.get(name, 0.0) + seconds
        self._took_seconds[name] = seconds


def kind(name: str) -> str:
    """Of a picture: "a_to_b/scores" is a "scores"."""
    return name.rpartition("/")[2]


def made_alike(eyes: Sequence[SamplerEye]) -> list[list[int]]:
    """Of each sampler the numbers of those whose samples stand beside its own.

    They are the later ones that are given the same draws, so that image i of each is made from the
    same: a pair of CoGAN's from one z, an image translated and back again. Only the first of such
    samplers shows the others.
    """
    found = []
    for number, eye in enumerate(eyes):
        alike = [i for i, other in enumerate(eyes) if other.sampler.given == eye.sampler.given]
        first = alike[0] == number and not eye.is_points
        found.append(alike[1:] if first else [])
    return found


@dataclasses.dataclass(frozen=True, eq=False)
class Taken:
    """What the pictures of one sampler need besides `Seen`; tensors."""

    surface: tuple[tf.Tensor, tf.Tensor] | None = None  # D's answers, see `surface.ask`
    between: tf.Tensor | None = None
    ema: tf.Tensor | None = None  # samples of the averaged weights


class Album:
    """The pictures of one sampler."""

    def __init__(self, eye: SamplerEye, folder: Path, step: int):
        """Args:
        eye: what looks at the sampler.
        folder: the workdir.
        step: of the run as it begins; the strip's later rows are dropped.
        """
        self._eye, self._folder = eye, folder
        self._strip_path = folder / f"strip{eye.suffix}.npz"
        self._strip = {} if eye.is_points else self._strip_until(step)

    def names(self, has_average: bool) -> list[str]:
        """All pictures that this sampler can have, the cheap ones first."""
        eye, points = self._eye, self._eye.is_points
        names = ["samples"] + ["samples_ema"] * has_average
        names += ["translation"] * (points and eye.given_points is not None)
        names += ["scores"] * (eye.sampler.score is not None)
        names += ["captions"] * bool(eye.captions)
        names += [] if points else ["heat", "strip", "interpolation", "neighbours"]
        return [eye.prefix + name for name in names]

    def add_to_strip(self, step: int, seen: Seen) -> None:
        """Keep some samples of this step."""
        if not self._eye.is_points:
            images = seen.samples[:_IN_STRIP]
            if any(row.shape != images.shape for row in self._strip.values()):
                self._set_strip_aside(f"its images are not of {images.shape}")
                self._strip = {}
            self._strip = strips.add_to_strip(self._strip, step, images)

    def _strip_until(self, step: int) -> dict[int, np.ndarray]:
        """The rows of earlier steps; a file that is no strip stops no run."""
        try:
            return strips.read_strip(self._strip_path, keep_until=step)
        except InputError as error:
            self._set_strip_aside(str(error))
            return {}

    def _set_strip_aside(self, reason: str) -> None:
        if os.path.lexists(self._strip_path):
            with workdir.storage_errors(self._strip_path):
                aside = reading.set_aside(self._strip_path)
            logging.warning("%s; kept as %s, and the strip begins anew", reason, aside)

    def write_strip(self) -> None:
        """Write what was kept.

        Raises:
          StorageError: it cannot be written.
        """
        if self._strip:
            strips.write_strip(self._strip_path, self._strip)

    def draw(
        self,
        names: list[str],
        title: str,
        seen: Seen,
        taken: Taken,
        beside: Mapping[str, tuple[Seen, Taken]],
        budget: Budget,
    ) -> events.Values:
        """Draw and write those of `names` that are this sampler's.

        Args:
          names: of `Budget.plan`.
          title: what they are of.
          seen, taken: the moment; `seen` has arrays.
          beside: the same of the samplers of `made_alike`, by their names.
          budget: is told what they took.

        Returns:
          TensorBoard's.

        Raises:
          StorageError: one cannot be written.
        """
        values = []
        for name, draw in self._drawings(title, seen, taken, beside).items():
            if name not in names:
                continue
            start = time.thread_time()
            picture = draw()
            png = grids.encoded(picture)
            file = kind(name) + self._eye.suffix
            workdir.write_whole(self._folder / f"{file}.png", png)
            values += events.image(picture_tag(name), png, *picture.shape[:2])
            budget.took(name, time.thread_time() - start)
        return values

    def _drawings(
        self, title: str, seen: Seen, taken: Taken, beside: Mapping[str, tuple[Seen, Taken]]
    ) -> Mapping[str, Callable]:
        eye, samples = self._eye, seen.samples
        others = {name: of.samples for name, (of, _) in beside.items()}
        drawn = {"samples": lambda: self._samples(samples, others, title, taken.surface)}
        if taken.ema is not None:
            averaged = f"{title}, averaged weights"
            of_ema = {name: of.ema.numpy() for name, (_, of) in beside.items()}
            drawn["samples_ema"] = lambda: self._samples(taken.ema.numpy(), of_ema, averaged, None)
        if eye.given_points is not None:
            drawn["translation"] = lambda: grids.translation(eye.given_points, samples, title)
        drawn["scores"] = lambda: scores.score_histogram(
            dict(seen.scores), eye.sampler, f"D's outputs: {title}"
        )
        drawn["captions"] = lambda: self._captions(samples, others, title)
        drawn["heat"] = lambda: heat.heat_maps(
            {"generated": samples[0], "real": eye.real[0]}, f"{title}: values of single examples"
        )
        drawn["strip"] = lambda: sheets.strip(self._strip, title)
        if taken.between is not None:
            drawn["interpolation"] = lambda: sheets.interpolation(taken.between.numpy(), title)
        drawn["neighbours"] = lambda: sheets.neighbours(samples[:_PAIRED], eye.train, title)
        return {eye.prefix + name: draw for name, draw in drawn.items()}

    def _samples(
        self, samples: np.ndarray, others: Mapping[str, np.ndarray], title: str, answers
    ) -> np.ndarray:
        eye = self._eye
        if answers is not None:
            seen = surface.surface(eye.sampler, eye.real, samples, *(a.numpy() for a in answers))
            return surface.draw(seen, title)
        if eye.is_points:
            return grids.points(samples, title, eye.real)
        shown = self._shown(samples, others)
        height = max(images.shape[1] for images in shown.values())
        parts = {
            name: grids.grid(_enlarged(images, height), COLUMNS) for name, images in shown.items()
        }
        return grids.titled(title, parts)

    def _captions(self, samples: np.ndarray, others: Mapping[str, np.ndarray], title: str):
        """A row a sample: what was made of its caption, what is real with it, and the caption."""
        shown = {
            name: _enlarged(images[:_READ], _READ_PIXELS)
            for name, images in self._shown(samples, others).items()
        }
        parts = {name: grids.grid(images, 1) for name, images in shown.items()}
        height = max(len(part) for part in parts.values()) // len(samples[:_READ])
        parts["caption"] = grids.lines(self._eye.captions[:_READ], height)
        return grids.titled(title, parts)

    def _shown(self, samples, others: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Images that stand side by side, by what stands above them."""
        eye = self._eye
        several = len(eye.shown_given) > 1
        shown = {
            f"given {i + 1}" if several else "given": images
            for i, images in enumerate(eye.shown_given)
        }
        own = eye.sampler.name if others else "generated"
        return {**shown, own: samples, **others, "real": eye.real}


def _enlarged(images: np.ndarray, height: int) -> np.ndarray:
    """By a whole factor, as far as `height` allows."""
    factor = max(1, height // images.shape[1])
    return images.repeat(factor, axis=1).repeat(factor, axis=2)
