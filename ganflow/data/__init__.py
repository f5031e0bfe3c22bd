"""Data sets: small ones that need no download, MNIST, and a user's own arrays.

`load` gives whole arrays in memory; batches, shuffling and the scaling of uint8 images to [-1, 1]
belong to the engine.
"""

import dataclasses
import difflib
import functools
import hashlib

import numpy as np

from ganflow.data import digits, files, mnist, points, user
from ganflow.data.points import modes
from ganflow.errors import InputError

__all__ = [
    "NAMES",
    "POINTS",
    "SPLITS",
    "Dataset",
    "check_batch",
    "has_test_split",
    "is_points",
    "load",
    "load_both",
    "modes",
]

POINTS = points.NAMES
NAMES = ("digits", "mnist", *POINTS, *user.NAMES)
SPLITS = ("train", "test")


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Examples and, where there are any, their classes. Do not write to the arrays."""

    name: str
    x: np.ndarray  # images: uint8 or float32 in [-1, 1], [n, h, w, c]; points: float32 [n, 2]
    label: np.ndarray | None  # int32 [n]

    @property
    def is_points(self) -> bool:
        """Whether the examples are points in the plane, not images."""
        return self.x.ndim == 2

    @property
    def example_shape(self) -> tuple[int, ...]:
        """(h, w, c), or (2,)."""
        return self.x.shape[1:]

    @functools.cached_property
    def sha256(self) -> str:
        """Hexadecimal digest of types, shapes and values; the name does not enter."""
        digest = hashlib.sha256()
        for array in (self.x, self.label):
            if array is not None:
                digest.update(f"{array.dtype.name} {array.shape}".encode())
                digest.update(np.ascontiguousarray(array))
        return digest.hexdigest()


def load(name: str, data_dir: str | None = None, split: str = "train", enlarge: int = 1) -> Dataset:
    """Loads a data set.

    Args:
      name: one of `NAMES`.
      data_dir: for `mnist` a folder with the four IDX files (None: Keras's download); for `idx`,
        `npy` and `npz` the file, or a folder with exactly one; the others take none.
      split: "train", or "test" where there is one: `mnist`, a folder of IDX files with t10k-*,
        and `npz` with `x_test`.
      enlarge: every pixel of an image becomes a square of so many by so many.

    Returns:
      The whole data set in memory.

    Raises:
      InputError: an unknown name or split, or a file that cannot be used; the message names the
        file, what was found and what was expected.
    """
    _check_name(name, data_dir)
    if split not in SPLITS:
        raise InputError(f"found the split {split!r}, expected one of {', '.join(SPLITS)}")
    if split == "test" and not has_test_split(name):
        raise InputError(f"data set {name}: found no test split, expected --split=train")
    with files.reading(data_dir or name):
        if name == "digits":
            x, label = digits.load()
        elif name == "mnist":
            x, label = mnist.load(data_dir or None, split)
        elif name in POINTS:
            x, label = points.load(name)
        else:
            x, label = user.load(name, data_dir, split)
    if enlarge > 1:
        if x.ndim == 2:
            raise InputError(f"--enlarge={enlarge}: data set {name} holds points; give it images")
        x = x.repeat(enlarge, axis=1).repeat(enlarge, axis=2)
    return Dataset(name, x, label)


def load_both(
    name: str, data_dir: str | None = None, enlarge: int = 1
) -> tuple[Dataset, Dataset | None]:
    """The training split and, where there is one, the test split; arguments as of `load`."""
    train = load(name, data_dir, "train", enlarge)
    if not has_test_split(name):
        return train, None
    if name in user.NAMES:
        with files.reading(data_dir):
            if not user.has_test(name, data_dir):
                return train, None
    return train, load(name, data_dir, "test", enlarge)


def has_test_split(name: str) -> bool:
    """Whether `load` may be asked for the test split; a user's files may lack it all the same."""
    return name not in ("digits", *POINTS)


def is_points(name: str, data_dir: str | None = None) -> bool:
    """Whether a data set holds points [n, 2], decided without loading it.

    Args:
      name: one of `NAMES`.
      data_dir: as for `load`; for a user's own arrays the header of the file is read.

    Raises:
      InputError: an unknown name, or a file without a valid header.
    """
    _check_name(name, data_dir)
    if name not in user.NAMES:
        return name in POINTS
    with files.reading(data_dir):
        return user.is_points(name, data_dir)


def check_batch(dataset: Dataset, batch_size: int) -> None:
    """Refuses a data set that does not fill one batch.

    Args:
      dataset: what `load` gave.
      batch_size: examples a batch, over all replicas.

    Raises:
      InputError: no examples, fewer than `batch_size`, or a `batch_size` below one.
    """
    if batch_size < 1:
        raise InputError(f"found --batch_size={batch_size}, expected at least 1")
    if len(dataset.x) < batch_size:
        raise InputError(
            f"data set {dataset.name}: found {len(dataset.x)} examples, expected at least the "
            f"{batch_size} of one batch; lower --batch_size or add examples"
        )


def _check_name(name: str, data_dir: str | None) -> None:
    if name not in NAMES:
        nearest = difflib.get_close_matches(name, NAMES, n=1, cutoff=0)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        raise InputError(f"found --dataset={name!r}, {hint}expected one of {', '.join(NAMES)}")
    if name in user.NAMES and not data_dir:
        raise InputError(
            f"data set {name}: found no --data_dir, expected the {name} file or its folder"
        )
    if data_dir and name in ("digits", *POINTS):
        raise InputError(
            f"data set {name}: found --data_dir={data_dir!r}, expected none, for it is built in; "
            "--dataset=idx, npy or npz reads files of your own"
        )
