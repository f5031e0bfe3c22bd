"""From the name of a data set to its fields in memory."""

import difflib

import numpy as np

from ganflow.base.errors import InputError
from ganflow.data import digits, mnist, points
from ganflow.data.dataset import Dataset, is_image
from ganflow.data.readers import files, user

POINTS = points.NAMES
BUILT_IN = ("digits", *POINTS)  # these take no files and have no test split
NAMES = ("digits", *mnist.NAMES, *POINTS, *user.NAMES)
SPLITS = ("train", "test")


def load(name: str, data_dir: str | None = None, split: str = "train", enlarge: int = 1) -> Dataset:
    """Loads a data set.

    Args:
      name: one of `NAMES`. `mnist_55000` is MNIST without its first 5,000 training images, which
        TensorFlow 1's reader (tensorflow.examples.tutorials.mnist) kept for validation, so that
        programs of its time trained on the other 55,000; its test split is MNIST's.
      data_dir: for `mnist` and `mnist_55000` a folder with the four IDX files (None: Keras's
        download); for `idx`, `npy` and `npz` the file, or a folder with exactly one; the others
        take none.
      split: "train", or "test" where there is one: MNIST's, a folder of IDX files with t10k-*,
        and `npz` with members `NAME_test`.
      enlarge: every pixel of an image, in whatever field, becomes a square of so many by so many.

    Returns:
      The whole data set in memory. Its fields are `x` and, but for `circle`, `swiss_roll` and
      files without them, `label`; of `npz` every member, see `readers.npz`.

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
            fields = digits.load()
        elif name in mnist.NAMES:
            fields = mnist.load(name, data_dir or None, split)
        elif name in POINTS:
            fields = points.load(name)
        else:
            fields = user.load(name, data_dir, split)
    if enlarge > 1:
        if not any(map(is_image, fields.values())):
            held = "points" if "x" in fields else "no images"
            raise InputError(f"--enlarge={enlarge}: data set {name} holds {held}; give it images")
        fields = {
            field: _enlarged(array, enlarge) if is_image(array) else array
            for field, array in fields.items()
        }
    return Dataset(name, fields)


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
    return name not in BUILT_IN


def check_batch(dataset: Dataset, batch_size: int) -> None:
    """Refuses a data set of which a domain does not fill one batch.

    Args:
      dataset: what `load` gave.
      batch_size: examples a batch, over all replicas.

    Raises:
      InputError: a domain with fewer than `batch_size` examples, or a `batch_size` below one.
    """
    if batch_size < 1:
        raise InputError(f"found --batch_size={batch_size}, expected at least 1")
    for domain, size in dataset.sizes.items():
        if size < batch_size:
            of = f" of domain {domain}" if len(dataset.sizes) > 1 else ""
            raise InputError(
                f"data set {dataset.name}: found {size} examples{of}, expected at least the "
                f"{batch_size} of one batch; lower --batch_size or add examples"
            )


def _enlarged(images: np.ndarray, times: int) -> np.ndarray:
    return images.repeat(times, axis=1).repeat(times, axis=2)


def _check_name(name: str, data_dir: str | None) -> None:
    if name not in NAMES:
        nearest = difflib.get_close_matches(name, NAMES, n=1, cutoff=0)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        raise InputError(f"found --dataset={name!r}, {hint}expected one of {', '.join(NAMES)}")
    if name in user.NAMES and not data_dir:
        raise InputError(
            f"data set {name}: found no --data_dir, expected the {name} file or its folder"
        )
    if data_dir and name in BUILT_IN:
        raise InputError(
            f"data set {name}: found --data_dir={data_dir!r}, expected none, for it is built in; "
            "--dataset=idx, npy or npz reads files of your own"
        )
