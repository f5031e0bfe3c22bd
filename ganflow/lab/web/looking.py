"""What one sampler shows: D over the plane with points and arrows, or images with D's scores."""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ganflow.data import Dataset
from ganflow.interface import gans
from ganflow.interface.sampler import Sampler
from ganflow.lab.stepping import Lab
from ganflow.lab.viewing import View
from ganflow.nn.draws import Real
from ganflow.pictures import grids, surface

CELLS = 50  # of the plane along each axis
_POINTS, _ARROWS, _IMAGES = 500, 60, 32
_BYTES = 120_000  # of the images of one kind in a frame


class Look:
    """A view of a lab as a page shows it."""

    def __init__(self, view: View, dataset: Dataset):
        self.view, self.sampler = view, view.sampler
        self.count = min(_POINTS if view.is_points else _images(view.real), len(view.real))
        every = len(view.real) // self.count  # from all over the data, which may come in order

        def some(x: tf.Tensor) -> tf.Tensor:
            return x[::every][: self.count]

        self._given = {name: some(x) for name, x in view.given.items()}
        self._real = some(view.real)
        self._with_real = {name: some(x) for name, x in view.given_with_real.items()}
        self._words = {
            "words": conditions(self.sampler, self._given, dataset),
            "real_words": conditions(self.sampler, self._with_real, dataset),
        }
        self.has_plane = view.is_points and view.is_judged
        if self.has_plane:
            ticks, plane = surface.plane(view.real.numpy(), CELLS)
            self._ticks, self._plane = ticks, tf.constant(plane)
        self._take = tf.function(self._taken, autograph=False)

    def fixed(self) -> dict:
        """What stays as it is: the real examples, and what the samples are made from."""
        sampler = self.sampler
        images = self._given_images()
        found = {
            "name": sampler.name or "samples",
            "kind": "points" if self.view.is_points else "images",
            "against": sampler.against if isinstance(sampler.against, str) else "made of the data",
            "is_judged": self.view.is_judged,
            "is_logit": sampler.scores_are_logits,
            "boundary": sampler.boundary,
            "higher_is_real": sampler.higher_is_real,
            "has_loss": sampler.g_loss is not None,
            "given_names": list(sampler.given),
            "real": _shown(self._real.numpy()),
            "given": {name: _shown(x) for name, x in images.items()},
            **self._words,
        }
        if self.view.is_points:
            found["reach"] = 1.5 * float(np.abs(self.view.real.numpy()).max()) or 1.0
            starts = [x for x in map(np.asarray, self._given.values()) if x.shape[1:] == (2,)]
            of_data = any(isinstance(draw, Real) for draw in sampler.given.values())
            if starts and of_data:
                found["from"] = starts[0]
        return found

    def _given_images(self) -> dict[str, np.ndarray]:
        return {
            name: self._given[name].numpy()
            for name, draw in self.sampler.given.items()
            if isinstance(draw, Real) and len(self._given[name].shape) == 4
        }

    def now(self) -> dict:
        """Samples, scores, the plane, arrows at the weights as they stand: arrays by name."""
        taken = {name: value.numpy() for name, value in self._take().items()}
        taken["generated"] = _shown(taken["generated"])
        return taken

    def _taken(self) -> dict[str, tf.Tensor]:
        sampler = self.sampler
        fake = sampler.generate(self._given)
        found = {"generated": fake}
        if self.view.is_judged:
            found["fake_scores"] = sampler.score(fake, self._given)
            found["real_scores"] = sampler.score(self._real, self._with_real)
        if self.has_plane:
            first = {
                name: tf.repeat(x[:1], CELLS**2, axis=0) for name, x in self._with_real.items()
            }
            found["plane"] = sampler.score(self._plane, first)
            found["push"] = push(sampler, fake, self._given)[:_ARROWS]
        return found


def push(sampler: Sampler, fake: tf.Tensor, given: dict) -> tf.Tensor:
    """Where generated points [n, 2] are pushed: down G's loss, else to where D says "real".

    Times n, for in a mean each point has a share of 1 / n.
    """
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(fake)
        if sampler.g_loss is not None:
            value = -sampler.g_loss(fake) * float(fake.shape[0])
        else:
            sign = 1.0 if sampler.higher_is_real else -1.0
            value = sign * tf.reduce_sum(sampler.score(fake, given))
    return tape.gradient(value, fake)


def conditions(sampler: Sampler, given: Mapping[str, tf.Tensor], dataset: Dataset) -> list[str]:
    """What each example is asked, or told, to be: caption, class, codes; [] where it is nothing.

    Args:
      sampler: of the model.
      given: some of what it is given, [n, ...] by name.
      dataset: knows the words of captions.
    """
    told = []
    for name, x in given.items():
        draw, values = sampler.given[name], x.numpy()
        if isinstance(draw, Real) and draw.field == "caption":
            told.append([dataset.words(caption) for caption in values])
        elif values.ndim == 1:
            is_class = values.dtype.kind in "iu"
            told.append(
                [f"{name} {value}" if is_class else f"{name} {value:.2f}" for value in values]
            )
    return [", ".join(of_one) for of_one in zip(*told, strict=True)]


def looks(lab: Lab) -> list[Look]:
    """One for each sampler of a lab."""
    return [Look(view, lab.dataset) for view in lab.views]


def generating_networks(lab: Lab) -> set[str]:
    """The networks whose weights the samplers' `generate` reads, so those that make samples."""
    names = [name for name, _ in gans.sampled_weights(lab.gan, lab.dataset.about())]
    return {name.partition("/")[0] for name in names}


def _images(real: tf.Tensor) -> int:
    """How many fit in a frame: whole rows of eight."""
    one = math.prod(real.shape[1:])
    return int(np.clip(_BYTES // one // 8 * 8, 8, _IMAGES))


def _shown(x: np.ndarray) -> np.ndarray:
    """Images as uint8 [n, h, w, c], points as they are; what is not finite is black."""
    return grids.as_bytes(x) if x.ndim == 4 else x
