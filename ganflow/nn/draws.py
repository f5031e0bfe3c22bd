"""What rides in a batch: real examples, and every random number that a step uses.

A model says what a step consumes as a dict of draws, for instance

    {"x": Real("x"), "z": Uniform([256])}

and the engine draws it. Everything is a pure function of (seed, step): a counter-based generator
(Philox, arXiv "Parallel random numbers: as easy as 1, 2, 3", 2011) is asked for the numbers at
that step's place in its stream. So a resumed run sees what the uninterrupted one saw, whatever
the number of steps in a call and the number of replicas.
"""

import dataclasses
import functools
import hashlib
import math
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

_PHILOX = 1  # the number of the algorithm in TensorFlow's raw operations


class Draw:
    """Something that a step consumes."""


@dataclasses.dataclass(frozen=True)
class Real(Draw):
    """A field of real examples in the run's shuffled order: every one once an epoch, then anew.

    Fields that belong together (an image, its label, its caption) come from the same examples;
    two domains have an order each.

    Attributes:
      field: of the data set: "x", "label", "caption"; "a" or "b" of two domains.
      batch: which of the step's batches: with 1, other examples than those of `Real(field)`.
      through: what is made of them: images [n, h, w, c] -> smaller ones. It is for what a sampler
        is given; a step makes it itself.
    """

    field: str = "x"
    batch: int = 0
    through: Callable[[tf.Tensor], tf.Tensor] | None = None

    def of(self, examples: tf.Tensor) -> tf.Tensor:
        """What is drawn where these examples of the field are at hand."""
        return examples if self.through is None else self.through(examples)


class Random(Draw):
    """Random numbers of [times * n, *shape] for a batch of n examples."""

    shape: Sequence[int]
    times: int


@dataclasses.dataclass(frozen=True)
class Classes(Random):
    """Integers 0 to count - 1, all as likely."""

    count: int
    shape: Sequence[int] = ()
    times: int = 1


@dataclasses.dataclass(frozen=True)
class Uniform(Random):
    """U(low, high)."""

    shape: Sequence[int] = ()
    low: float = -1.0
    high: float = 1.0
    times: int = 1


@dataclasses.dataclass(frozen=True)
class Normal(Random):
    """N(0, 1)."""

    shape: Sequence[int] = ()
    times: int = 1


def random(
    draw: Random, stream: str, seed: int, step: tf.Tensor | int, count: tf.Tensor | int, n: int
) -> tf.Tensor:
    """The numbers of `count` steps from `step` on: [count, times * n, *shape].

    They are float32; of `Classes`, int32.

    Args:
      draw: the distribution, and its shape for one example.
      stream: a name; two streams of one seed are independent.
      seed: the run's seed.
      step: the first step, an int64 scalar.
      count: how many steps; draws for steps a..b are the same however they are cut into calls.
      n: examples in the global batch.
    """
    numbers = draw.times * n * math.prod(draw.shape)
    counters = -(-numbers // 4)  # one counter of Philox gives four 32-bit numbers
    digest = hashlib.sha256(f"{seed}/{stream}".encode()).digest()
    key = tf.constant([int.from_bytes(digest[:8], "little")], tf.uint64)
    place = tf.cast(step, tf.uint64) * tf.constant(counters, tf.uint64)
    make = (
        tf.raw_ops.StatelessRandomNormalV2
        if isinstance(draw, Normal)
        else tf.raw_ops.StatelessRandomUniformV2
    )
    values = make(
        shape=tf.stack([count, 4 * counters]),
        key=key,
        counter=tf.stack([place, tf.constant(0, tf.uint64)]),
        alg=_PHILOX,
    )
    if numbers % 4:
        values = values[:, :numbers]
    values = tf.reshape(values, [-1, draw.times * n, *draw.shape])
    if isinstance(draw, Classes):
        return tf.minimum(tf.cast(values * draw.count, tf.int32), draw.count - 1)
    if isinstance(draw, Uniform) and (draw.low, draw.high) != (0.0, 1.0):
        values = values * (draw.high - draw.low) + draw.low
    return values


def order(size: int, seed: int, first: int, count: int) -> np.ndarray:
    """Which real examples a run sees: entries `first` to `first + count` of its endless list.

    The list is one shuffled epoch after another, each with every example once. No list is kept, so
    there is none to save or to lose.

    Args:
      size: examples in the data set.
      seed: the run's seed.

    Returns:
      int32 [count], indices into the data set.
    """
    block = size * max(1, _SEEDED_AT_ONCE // size)
    blocks = range(first // block, (first + count - 1) // block + 1)
    entries = np.concatenate([_block(size, block // size, seed, number) for number in blocks])
    start = first - blocks[0] * block
    return entries[start : start + count]


_SEEDED_AT_ONCE = 2**16  # entries; seeding takes as long as shuffling some thousand of them


@functools.lru_cache(maxsize=2)  # a block serves many calls; the next may begin within one
def _block(size: int, epochs: int, seed: int, number: int) -> np.ndarray:
    """Some epochs' orders, from NumPy's generator whose stream is frozen for good."""
    generator = np.random.RandomState([seed & 0xFFFFFFFF, seed >> 32, number])
    return np.concatenate([generator.permutation(size) for _ in range(epochs)]).astype(np.int32)
