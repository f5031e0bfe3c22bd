"""`bin/sample.py`: samples of a trained model, as an array or a picture."""

import io
import math
import os
from pathlib import Path

import numpy as np

from ganflow import engine, pictures, training, workdir
from ganflow.errors import InputError

# Samples made at a time: always so many, for the last bits of a product of matrices depend on how
# many rows it has.
_BATCH = 100


def generate(folder: Path, num: int, seed: int, step: int | None = None) -> np.ndarray:
    """Samples of a workdir's newest (or given) checkpoint.

    Args:
      folder: the workdir.
      num: how many samples.
      seed: of z; sample i depends on the seed and on i alone.
      step: which checkpoint; None means the newest sound one.

    Returns:
      float32 [num, h, w, c] in [-1, 1], or [num, 2] for points.

    Raises:
      InputError: see `training.load_trained`; or more samples than memory holds.
    """
    gan, manifest = training.load_trained(folder, step)
    # z, the samples, the file's copy of them and a picture's: checked before any is made.
    numbers = math.prod(gan.latent().shape) + 3 * math.prod(manifest["x_shape"])
    free_bytes = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if 4 * numbers * num > free_bytes:
        raise InputError(
            f"--num={num}: needs {4 * numbers * num:,} bytes of memory, {free_bytes:,} are free; "
            "sample fewer at a time, with another --seed each"
        )
    samples = np.empty([num, *manifest["x_shape"]], np.float32)
    z = engine.latent(gan, seed, math.ceil(num / _BATCH) * _BATCH, stream="sample.py")
    for start in range(0, num, _BATCH):
        batch = gan.sample(z[start : start + _BATCH]).numpy()
        samples[start : start + _BATCH] = batch[: num - start]
    return samples


def write(samples: np.ndarray, out: Path) -> None:
    """Write an .npy array or a .png picture, whole or not at all.

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
        pictures.write_png(out, pictures.points(samples, f"{len(samples):,} samples"))
    else:
        columns = math.ceil(math.sqrt(len(samples)))
        pictures.write_png(out, pictures.grid(samples, columns))


def check_out(out: Path) -> None:
    """Refuse a bad `--out` before any work is done.

    Raises:
      InputError: another ending than .npy or .png, or a folder that is not there.
    """
    if out.suffix not in (".npy", ".png"):
        raise InputError(f"--out={out}: found the ending {out.suffix!r}, expected .npy or .png")
    if not out.parent.is_dir():
        raise InputError(f"--out={out}: there is no folder {out.parent}; make it first")
