"""Conditions of samples: labels, codes and captions that are asked for, and sweeps over them."""

from collections.abc import Sequence

import numpy as np

from ganflow.base.errors import InputError
from ganflow.interface import captions
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.nn.draws import Classes, Real, Uniform
from ganflow.trained import sampling

LABELS = ("label", "category")  # what a class is called: one that is given, or one that G invents
SWEPT_VALUES = 9  # of a code, from its lowest to its highest
COLUMNS = 10  # of a sweep's picture: other z


def asked(
    sampler: Sampler,
    num: int,
    label: int | None = None,
    codes: Sequence[float] = (),
    caption: str | None = None,
    fields: Fields | None = None,
) -> dict[str, np.ndarray]:
    """What `sampling.of_gan` is to be given in place of draws.

    Args:
      sampler: of the model.
      num: how many samples.
      label: the class of all of them; None: drawn.
      codes: of all of them, in the model's order; further ones are drawn.
      caption: of all of them; None: those of the data set.
      fields: what the model was trained on; a caption needs it.

    Returns:
      {"label": [num]}, {"code_1": [num]}, {"caption": [num, words]}.

    Raises:
      InputError: the model takes no such thing, or not this value.
    """
    fixed: dict[str, np.ndarray] = {}
    if label is not None:
        name = next((name for name in LABELS if name in sampler.given), None)
        if name is None:
            raise InputError(f"--label={label}: this model's G is given no label")
        count = sampler.given[name].count
        if not 0 <= label < count:
            raise InputError(f"--label={label}: expected a class from 0 to {count - 1}")
        fixed[name] = np.full(num, label, np.int32)
    names = _codes(sampler)
    if len(codes) > len(names):
        text = ",".join(f"{code:g}" for code in codes)
        has = f"this model's G has {len(names)}" if names else "this model's G is given none"
        raise InputError(f"--code={text}: found {len(codes)} codes, and {has}")
    for name, value in zip(names, codes, strict=False):
        if not np.isfinite(value):
            raise InputError(f"--code: found {value}, expected finite numbers")
        fixed[name] = np.full(num, value, np.float32)
    if caption is not None:
        fixed |= _caption(sampler, num, caption, fields)
    return fixed


def _caption(sampler: Sampler, num: int, caption: str, fields: Fields) -> dict[str, np.ndarray]:
    """Token ids of one caption for all samples, {"caption": [num, words]}; raises as `asked`."""
    told, given = f"--caption={caption!r}", sampler.given.items()
    names = [n for n, draw in given if isinstance(draw, Real) and draw.field == "caption"]
    if not names:
        raise InputError(f"{told}: this model's G is given no caption")
    if not fields.vocabulary:
        raise InputError(
            f"{told}: this model was trained on token ids, whose words nobody told; train it on "
            "captions that are strings"
        )
    try:
        ids = captions.ids([caption], fields.vocabulary, fields.shape("caption")[0])
    except ValueError as error:
        raise InputError(f"--caption={error}") from error
    return {name: ids.repeat(num, axis=0) for name in names}


def sweep(gan, manifest: dict, name: str, seed: int, sampler: str = "") -> tuple[np.ndarray, int]:
    """Samples for a picture: a row for each value of a condition, a column for each z.

    Args:
      gan, manifest: of `loading.load_trained`.
      name: "label", of which every class is a row, or "code_1", of which there are nine, evenly
        spaced over its range.
      seed: of what is not swept, which is the same in each column.
      sampler: as for `sampling.of_gan`.

    Returns:
      (samples [rows * 10, ...], 10).

    Raises:
      InputError: the model takes no such thing.
    """
    chosen = sampling.choose(gan, sampler)
    draw = chosen.given.get(name)
    if isinstance(draw, Classes):
        values = np.arange(draw.count, dtype=np.int32)
    elif name in _codes(chosen):
        values = np.linspace(draw.low, draw.high, SWEPT_VALUES, dtype=np.float32)
    else:
        there = [k for k, d in chosen.given.items() if isinstance(d, Classes)] + _codes(chosen)
        has = f"expected {' or '.join(there)}" if there else "and this model's G has no condition"
        raise InputError(f"--sweep={name}: found no condition of this name, {has}")
    once = sampling.of_gan(gan, manifest, COLUMNS, seed, sampler).given
    rows = len(values)
    fixed = {k: np.tile(v, (rows,) + (1,) * (v.ndim - 1)) for k, v in once.items()}
    fixed[name] = values.repeat(COLUMNS)
    return sampling.of_gan(gan, manifest, rows * COLUMNS, seed, sampler, fixed).samples, COLUMNS


def _codes(sampler: Sampler) -> list[str]:
    """The single numbers that G is given beside z."""
    return [
        name
        for name, draw in sampler.given.items()
        if isinstance(draw, Uniform) and tuple(draw.shape) == ()
    ]
