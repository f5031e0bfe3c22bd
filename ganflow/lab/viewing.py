"""The fixed samples of one sampler: what D says of them, and their picture."""

from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ganflow.interface import gans
from ganflow.interface.sampler import Sampler
from ganflow.nn.draws import Real
from ganflow.pictures import grids, surface

_COLUMNS = 8  # images in a row of each of the picture's two grids


class View:
    """The same real examples, and samples from the same draws, at whatever the weights now are.

    Attributes:
      sampler: of the model.
      given: what its samples are generated from, [n, ...] by name.
      real: what they are judged by: images [n, h, w, c] in [-1, 1], or points [n, 2].
      given_with_real: what D is given with these, [n, ...] by name.
    """

    def __init__(self, sampler: Sampler, fields: Mapping[str, tf.Tensor], seed: int, count: int):
        """Fix them.

        Args:
          sampler: of the model.
          fields: real examples [count, ...] of every field, as models see them.
          seed: of the draws.
          count: how many of each.
        """
        self.sampler = sampler
        self.given = gans.given(sampler, seed, count, fields=fields)
        against = sampler.against
        self.real = against(fields) if callable(against) else fields[against]
        self.given_with_real = gans.given_with(sampler, fields)
        self._generate = tf.function(sampler.generate, autograph=False)
        if self.is_judged:
            self._score = tf.function(sampler.score, autograph=False)

    @property
    def is_judged(self) -> bool:
        """Whether there is a D that scores these samples."""
        return self.sampler.score is not None

    @property
    def is_points(self) -> bool:
        """Whether the samples are points in the plane."""
        return self.real.shape[1:] == (2,)

    def fake(self) -> tf.Tensor:
        """Samples from what is given: as `real`."""
        return self._generate(self.given)

    def scores(self) -> dict[str, np.ndarray]:
        """D's scores, before any sigmoid, of the real examples and of the samples, [n] each."""
        return {
            "real": np.asarray(self._score(self.real, self.given_with_real)),
            "generated": np.asarray(self._score(self.fake(), self.given)),
        }

    def means(self) -> dict[str, float]:
        """Means of D's output on both; none where nothing judges them."""
        if not self.is_judged:
            return {}
        return {name: float(np.mean(self.output(scores))) for name, scores in self.scores().items()}

    def output(self, scores: np.ndarray) -> np.ndarray:
        """What D says: its probability of "real" where scores are logits, else the score."""
        return tf.sigmoid(scores).numpy() if self.sampler.scores_are_logits else scores

    def taken_for_real(self, scores: np.ndarray) -> np.ndarray:
        """Which of them D takes for real, where its scores have a boundary."""
        boundary = self.sampler.boundary
        return scores > boundary if self.sampler.higher_is_real else scores < boundary

    def picture(self, title: str) -> np.ndarray:
        """Points: the decision surface; images: given, generated, real -> uint8 [h, w, c]."""
        real, fake = self.real.numpy(), self.fake().numpy()
        if not self.is_points:
            fake = np.nan_to_num(fake, nan=0.0)
            given = [  # images that the samples are made from
                self.given[name].numpy()
                for name, draw in self.sampler.given.items()
                if isinstance(draw, Real) and len(self.given[name].shape) == 4
            ]
            shown = {
                f"given {i + 1}" if len(given) > 1 else "given": x for i, x in enumerate(given)
            }
            shown |= {"generated": fake, "real": real}
            return grids.titled(title, {k: grids.grid(x, _COLUMNS) for k, x in shown.items()})
        if not self.is_judged:
            return grids.points(fake, title, real)
        seen_with = self.given_with_real  # the plane is seen with the first of what is given
        return surface.decision_surface(self.sampler, real, fake, title, seen_with)
