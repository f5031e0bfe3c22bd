"""`bin/sample.py`: samples of a trained model, as an array or a picture."""

import dataclasses
import io
import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.interface import gans
from ganflow.interface.sampler import Sampler
from ganflow.nn.draws import Random, Real
from ganflow.pictures import grids
from ganflow.storage import workdir
from ganflow.trained import loading

# Samples made at a time: always so many, for the last bits of a product of matrices depend on how
# many rows it has.
_BATCH = 100


def generate(
    folder: Path,
    num: int,
    seed: int,
    step: int | None = None,
    sampler: str = "",
    ema: bool = False,
) -> np.ndarray:
    """Samples of a workdir's newest (or given) checkpoint.

    Args:
      folder: the workdir.
      num: how many samples.
      seed: of z and whatever else is drawn; sample i depends on the seed and on i alone.
      step: which checkpoint; None means the newest sound one.
      sampler: its name, of a model with several; "" is the main one.
      ema: with the moving average of G's weights.

    Returns:
      float32 [num, h, w, c] in [-1, 1], or [num, 2] for points. A sampler that is given real
      examples is given the first ones of the run's data set, of its test split where it has one.

    Raises:
      InputError: see `loading.load_trained`; no such sampler; or more samples than memory holds.
    """
    gan, manifest = loading.load_trained(folder, step, ema)
    return of_gan(gan, manifest, num, seed, sampler).samples


class Made(NamedTuple):
    """Samples, and what they were made of."""

    samples: np.ndarray  # as of `generate`
    given: dict[str, np.ndarray]  # by name, [num, ...] each: "z", "label"


def of_gan(
    gan,
    manifest: dict,
    num: int,
    seed: int,
    sampler: str = "",
    fixed: Mapping[str, np.ndarray] | None = None,
) -> Made:
    """The same of a model that is loaded already; raises alike.

    Args:
      gan, manifest: of `loading.load_trained`.
      num, seed, sampler: as of `generate`.
      fixed: what is not drawn, or taken from the data set, but given: [num, ...] each, by its name
        in `Sampler.given`.
    """
    chosen = choose(gan, sampler)
    blank = gans.blank(chosen, loading.fields_of(manifest))
    shape = chosen.generate(blank).shape[1:]
    # What is given, the samples, the file's copy of them and a picture's: checked before any.
    given_sizes = [
        math.prod(draw.shape) for draw in chosen.given.values() if isinstance(draw, Random)
    ]
    numbers = sum(given_sizes) + 3 * math.prod(shape)
    free_bytes = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if 4 * numbers * num > free_bytes:
        raise InputError(
            f"--num={num}: needs {4 * numbers * num:,} bytes of memory, {free_bytes:,} are free; "
            "sample fewer at a time, with another --seed each"
        )
    whole = math.ceil(num / _BATCH) * _BATCH
    fixed = fixed or {}
    drawn = {name: draw for name, draw in chosen.given.items() if name not in fixed}
    others = dataclasses.replace(chosen, given=drawn)
    wanted = [draw.field for draw in drawn.values() if isinstance(draw, Real)]
    real = real_examples(wanted, manifest, whole)
    given = gans.given(others, seed, whole, "sample.py", real)
    for name, values in fixed.items():
        rest = np.repeat(values[-1:], whole - num, axis=0)
        given[name] = tf.constant(np.concatenate([values, rest]), blank[name].dtype)
    samples = np.empty([num, *shape], np.float32)
    for start in range(0, num, _BATCH):
        part = {name: value[start : start + _BATCH] for name, value in given.items()}
        samples[start : start + _BATCH] = chosen.generate(part).numpy()[: num - start]
    return Made(samples, {name: value.numpy()[:num] for name, value in given.items()})


def choose(gan, name: str = "") -> Sampler:
    """The model's sampler of this name; "" is the main one.

    Raises:
      InputError: there is none.
    """
    samplers = gan.samplers()
    if not name:
        return samplers[0]
    for sampler in samplers:
        if sampler.name == name:
            return sampler
    there = ", ".join(sampler.name or "(the only one)" for sampler in samplers)
    raise InputError(f"--sampler={name}: there is none of this name; there are: {there}")


def real_examples(wanted: Sequence[str], manifest: dict, count: int) -> dict[str, tf.Tensor]:
    """Fields of a run's data set, `count` held-out examples, over again where there are fewer.

    Raises:
      InputError: the run's data set is no longer where it was.
    """
    if not wanted:
        return {}
    options = manifest["options"]
    train, held_out = data.load_both(
        manifest["config"]["dataset"], options["data_dir"] or None, **data.shaping(options)
    )
    fields = (held_out or train).fields
    return {
        field: data.decoded(fields[field][np.arange(count) % len(fields[field])])
        for field in wanted
    }


def title(manifest: dict, seed: int, ema: bool = False) -> str:
    """What the samples of `of_gan` are of, for a picture; arguments as there and of `generate`."""
    model = Path(manifest["model"]).stem
    return f"{model}, step {manifest['step']:,}, seed {seed}" + ", averaged weights" * ema


def write(samples: np.ndarray, out: Path, title: str, columns: int | None = None) -> None:
    """Write an .npy array or a .png picture, whole or not at all.

    Args:
      samples: of `generate`.
      out: the file.
      title: above a picture.
      columns: of a picture of images; None: so that it is square.

    Raises:
      InputError: another ending, or a folder that is not there.
      StorageError: the disk is full.
    """
    check_out(out)
    if out.suffix == ".npy":
        buffer = io.BytesIO()
        np.save(buffer, samples, allow_pickle=False)
        workdir.write_whole(out, buffer.getvalue())
    elif samples.ndim == 2:
        grids.write_png(out, grids.points(samples, f"{title}: {len(samples):,} samples"))
    else:
        columns = columns or math.ceil(math.sqrt(len(samples)))
        grids.write_png(out, grids.titled(title, {"": grids.grid(samples, columns)}))


def check_out(out: Path) -> None:
    """Refuse a bad `--out` before any work is done.

    Raises:
      InputError: another ending than .npy or .png, or a folder that is not there.
    """
    if out.suffix not in (".npy", ".png"):
        raise InputError(f"--out={out}: found the ending {out.suffix!r}, expected .npy or .png")
    if not out.parent.is_dir():
        raise InputError(f"--out={out}: there is no folder {out.parent}; make it first")
