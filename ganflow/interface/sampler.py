"""What of a GAN can be drawn, shown and judged."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

Given = dict[str, tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Sampler:
    """One way to make examples, and what D says of them; a Gan's first sampler is its main one.

    Attributes:
      name: "" for the only one, or "a_to_b", "stage_1", "64x64".
      given: what `generate` is given: {"z": Uniform([100]), "label": Classes(10)}; `Real("a")`
        where it is given a real image, `Real("x", through=shrunk)` where what is made of one.
      generate: {"z": [n, 100], ...} -> examples as the data set has them: images in [-1, 1],
        [n, h, w, c], or points [n, 2]; without dropout and with moving statistics.
      score: (examples [n, ...], given) -> D's output before any sigmoid, [n], one number an
        example (a patch D: its mean); without dropout. None where nothing judges these samples.
        What it is given with real examples are those fields of `given` that the data set has.
      boundary: D says "real" beyond it: 0 for logits, .5 for least squares; None for a critic,
        whose scores know no threshold.
      higher_is_real: False where a low score means "real" (BEGAN's reconstruction error).
      against: the real field that samples are judged by; or a function from that of the data set's
        fields [n, ...] to the real side, where it is made (a smaller size).
      g_loss: G's loss on examples [n, ...], a mean over them; for the arrows of points' pictures.
    """

    name: str
    given: Mapping[str, Any]  # a Draw each
    generate: Callable[[Given], tf.Tensor]
    score: Callable[[tf.Tensor, Given], tf.Tensor] | None = None
    boundary: float | None = 0.0
    higher_is_real: bool = True
    against: str | Callable[[Mapping], tf.Tensor] = "x"
    g_loss: Callable[[tf.Tensor], tf.Tensor] | None = None

    @property
    def scores_are_logits(self) -> bool:
        """Whether sigmoid(score) is D's probability of "real"."""
        return self.score is not None and self.boundary == 0.0 and self.higher_is_real
