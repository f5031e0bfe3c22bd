"""What an export is held against: some samples, as the model itself makes them."""

import dataclasses
import time
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from ganflow.base.errors import InputError
from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.nn.draws import Real
from ganflow.trained import loading, sampling

TOLERANCE = 1e-3  # between pixels in [-1, 1]
_TIMED, _TIMED_SECONDS = 20, 2.0


@dataclasses.dataclass(frozen=True)
class Examples:
    """Samples of one sampler, and what they were made of.

    Attributes:
      given: by name, [num, ...] each.
      samples: [num, ...], by the model itself.
      are_real: whether real examples that were given are the data set's; else they are noise.
    """

    given: Mapping[str, np.ndarray]
    samples: np.ndarray
    are_real: bool

    def part(self, count: int, start: int = 0) -> dict[str, np.ndarray]:
        """What `count` of them were made of, from `start` on."""
        return {name: values[start : start + count] for name, values in self.given.items()}


def of(sampler: Sampler, manifest: dict, num: int) -> Examples:
    """`num` samples; held-out real examples where the sampler is given any.

    Raises:
      InputError: a sample has a number that is not finite.
    """
    wanted = [draw.field for draw in sampler.given.values() if isinstance(draw, Real)]
    are_real = True
    try:
        real = sampling.real_examples(wanted, manifest, num)
    except InputError:
        real, are_real = _noise(wanted, loading.fields_of(manifest), num), False
    given = gans.given(sampler, 0, num, "export.py", real)
    # One at a time: the last bits of a product of matrices depend on how many rows it has.
    parts = [sampler.generate({k: v[i : i + 1] for k, v in given.items()}) for i in range(num)]
    samples = np.concatenate([part.numpy() for part in parts])
    if not np.isfinite(samples).all():
        raise InputError(
            f"--workdir: samples of step {manifest['step']} are not finite; choose another --step"
        )
    return Examples({name: value.numpy() for name, value in given.items()}, samples, are_real)


def _noise(wanted, fields: Fields, num: int) -> dict[str, tf.Tensor]:
    """In place of real examples, where the data set is not at hand."""
    rng = np.random.default_rng(0)
    made = {}
    for field in wanted:
        shape = (num, *fields.shape(field))
        if field in fields.classes:
            made[field] = tf.constant(rng.integers(0, fields.classes[field], shape), tf.int32)
        else:
            made[field] = tf.constant(rng.uniform(-1.0, 1.0, shape), tf.float32)
    return made


def difference(made: np.ndarray, samples: np.ndarray) -> float:
    """The largest, between pixels; infinite where shapes differ or a number is not finite."""
    if made.shape != samples.shape:
        return float("inf")
    largest = float(np.abs(made.astype(np.float64) - samples).max(initial=0.0))
    return largest if np.isfinite(largest) else float("inf")


def milliseconds(function: Callable[[], object]) -> float:
    """The median time of a call, after a first one."""
    function()
    times: list[float] = []
    while len(times) < _TIMED and sum(times) < _TIMED_SECONDS:
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return 1e3 * float(np.median(times))
