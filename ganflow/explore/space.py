"""A trained sampler as a function of z: whatever else it is given stays as it was drawn."""

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganflow.base.errors import InputError
from ganflow.interface.sampler import Sampler
from ganflow.nn.draws import Normal, Uniform
from ganflow.trained import conditions, loading, sampling

Given = dict[str, np.ndarray]


@dataclasses.dataclass(frozen=True, eq=False)
class Space:
    """The z's of one sampler, each as a row of `size` numbers.

    Attributes:
      gan, manifest: of `loading.load_trained`.
      sampler: one of the model's.
      name: of z among what the sampler is given.
      seed: of all that is drawn.
      label: the class of all samples; None: drawn, where there is one.
    """

    gan: tf.Module
    manifest: dict
    sampler: Sampler
    name: str
    seed: int
    label: int | None = None

    @property
    def draw(self) -> Normal | Uniform:
        """What z is drawn from."""
        return self.sampler.given[self.name]

    @property
    def size(self) -> int:
        """Numbers in a z."""
        return math.prod(self.draw.shape)

    @property
    def middle(self) -> float:
        """The mean of a number of z."""
        return 0.0 if isinstance(self.draw, Normal) else (self.draw.low + self.draw.high) / 2

    @property
    def spread(self) -> float:
        """The standard deviation of a number of z."""
        if isinstance(self.draw, Normal):
            return 1.0
        return (self.draw.high - self.draw.low) / math.sqrt(12)

    def drawn(self, count: int, seed: int | None = None) -> sampling.Made:
        """`count` samples as `bin/sample.py --seed` draws them, and what they were made of."""
        fixed = conditions.asked(self.sampler, count, self.label)
        seed = self.seed if seed is None else seed
        return sampling.of_gan(self.gan, self.manifest, count, seed, self.sampler.name, fixed)

    def z_of(self, given: Given) -> np.ndarray:
        """float32 [n, size]."""
        return given[self.name].reshape(-1, self.size)

    def with_z(self, given: Given, z: np.ndarray) -> Given:
        """The same with other z's [n, size] of as many samples, or of a single one for all."""
        shaped = z.astype(np.float32).reshape(-1, *self.draw.shape)
        others = {name: value for name, value in given.items() if name != self.name}
        return {name: _as_many(value, len(z)) for name, value in others.items()} | {
            self.name: shaped
        }

    def made(self, given: Given) -> np.ndarray:
        """Samples of what is given: float32 [n, h, w, c] in [-1, 1], or points [n, 2]."""
        count = len(given[self.name])
        name = self.sampler.name
        return sampling.of_gan(self.gan, self.manifest, count, self.seed, name, given).samples

    def generate(self, z: tf.Tensor, given: Mapping[str, tf.Tensor]) -> tf.Tensor:
        """The same of a tensor [n, size], for gradients; other things are given as tensors."""
        return self.sampler.generate({**given, self.name: tf.reshape(z, [-1, *self.draw.shape])})

    def kept(self, z: np.ndarray, like: np.ndarray) -> np.ndarray:
        """z's [n, size] put back to where G has been trained.

        Normal ones onto the sphere through `like` [n, size], for in many dimensions all of them
        lie near to one sphere; uniform ones into the box.
        """
        if isinstance(self.draw, Uniform):
            return np.clip(z, self.draw.low, self.draw.high)
        norm = np.linalg.norm(z, axis=1, keepdims=True)
        return z * np.linalg.norm(like, axis=1, keepdims=True) / np.maximum(norm, 1e-12)


def taken(given: Given, index: np.ndarray) -> Given:
    """Some of the samples that are given."""
    return {name: value[index] for name, value in given.items()}


def find(
    gan: tf.Module, manifest: dict, seed: int, sampler: str = "", label: int | None = None
) -> Space:
    """The space of z of a model.

    Args:
      gan, manifest: of `loading.load_trained`.
      seed: of all that is drawn.
      sampler: its name; "" is the first that is given a z.
      label: the class of all samples.

    Raises:
      InputError: no such sampler, one without a z, or a label that does not fit.
    """
    if sampler:
        chosen = sampling.choose(gan, sampler)
    else:
        all_of_them = gan.samplers()
        chosen = next((one for one in all_of_them if _name_of_z(one)), all_of_them[0])
    name = _name_of_z(chosen)
    if not name:
        model, given = Path(manifest["model"]).stem, ", ".join(chosen.given) or "nothing"
        raise InputError(
            f"{model}: its samples are made from {given}, not from a z, so there is no "
            "space of z to explore; ganflow-sample shows what it makes"
        )
    conditions.asked(chosen, 1, label, fields=loading.fields_of(manifest))
    return Space(gan, manifest, chosen, name, seed, label)


def _name_of_z(sampler: Sampler) -> str:
    """That of the continuous draw of several numbers that is called z, or else is the longest."""
    sizes = {
        name: math.prod(draw.shape)
        for name, draw in sampler.given.items()
        if isinstance(draw, Normal | Uniform) and tuple(draw.shape)
    }
    return "z" if "z" in sizes else max(sizes, key=lambda name: sizes[name], default="")


def _as_many(value: np.ndarray, count: int) -> np.ndarray:
    return np.repeat(value, count, axis=0) if len(value) == 1 else value
