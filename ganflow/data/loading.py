"""From the name of a data set to its fields in memory."""

import difflib

import numpy as np

from ganflow.base.errors import InputError
from ganflow.data import arrows, digits, drawings, held_out, mnist, points, stacked
from ganflow.data.dataset import Dataset, is_image
from ganflow.data.readers import files, user

POINTS = points.NAMES
BUILT_IN = ("digits", *POINTS, *drawings.NAMES, arrows.NAME)  # these take no files
NAMES = (
    *("digits", *mnist.NAMES, stacked.NAME),
    *(*POINTS, *drawings.NAMES, arrows.NAME, *user.NAMES),
)
SPLITS = ("train", "test")
# What the test split of a data set that is drawn is.
_PARTS = (
    dict.fromkeys(POINTS, points.PART)
    | dict.fromkeys(drawings.NAMES, drawings.PART)
    | {arrows.NAME: arrows.PART}
)


def load(name: str, data_dir: str | None = None, split: str = "train", enlarge: int = 1) -> Dataset:
    """Loads a data set.

    Args:
      name: one of `NAMES`. `mnist_55000` is MNIST without its first 5,000 training images, which
        TensorFlow 1's reader (tensorflow.examples.tutorials.mnist) kept for validation, so that
        programs of its time trained on the other 55,000; its test split is MNIST's.
        `stacked_mnist` has three of MNIST's digits as the channels of an image. `drawings_64` and
        its smaller sisters have captions, `arrows` has two unpaired domains.
      data_dir: for MNIST and its kin a folder with the four IDX files (None: Keras's download); for
        `idx`, `npy` and `npz` the file, or a folder with exactly one; the others take none.
      split: "train", or "test", whose examples no training sees: MNIST's; points, drawings and
        arrows drawn afresh; a user's own (a folder of IDX files with t10k-*, `npz` with members
        `NAME_test`); of other data one example in five, see `held_out`.
      enlarge: every pixel of an image, in whatever field, becomes a square of so many by so many.

    Returns:
      The whole data set in memory. Its fields are `x` and, but for `circle`, `swiss_roll` and
      files without them, `label`; of drawings also their factors and `caption`, of arrows `a`, `b`
      and their angles, of `npz` every member, see `readers.npz`.

    Raises:
      InputError: an unknown name or split, or a file that cannot be used; the message names the
        file, what was found and what was expected.
    """
    if split not in SPLITS:
        raise InputError(f"found the split {split!r}, expected one of {', '.join(SPLITS)}")
    _check_name(name, data_dir)
    if _has_own_test_split(name, data_dir):
        return _read(name, data_dir, split, enlarge)
    train, test = held_out.split(_read(name, data_dir, "train", enlarge))
    if split == "test" and test is None:
        raise InputError(
            f"data set {name}: found {min(train.sizes.values())} examples, expected at least "
            f"{held_out.ONE_IN} to hold some out for a test split"
        )
    return test if split == "test" and test is not None else train


def load_both(
    name: str, data_dir: str | None = None, enlarge: int = 1
) -> tuple[Dataset, Dataset | None]:
    """The examples to train on and the held-out ones; arguments as of `load`.

    Returns:
      (train, held out); None of fewer than five examples, of which none are held out.
    """
    _check_name(name, data_dir)
    if not _has_own_test_split(name, data_dir):
        return held_out.split(_read(name, data_dir, "train", enlarge))
    return _read(name, data_dir, "train", enlarge), _read(name, data_dir, "test", enlarge)


def _has_own_test_split(name: str, data_dir: str | None) -> bool:
    """Whether the data come in two parts; raises as `load`."""
    if name not in user.NAMES:
        return name != "digits"
    with files.reading(data_dir or name):
        return user.has_test(name, data_dir or "")


def _read(name: str, data_dir: str | None, split: str, enlarge: int) -> Dataset:
    """One part of a data set that comes in parts, or the whole of another."""
    vocabulary: tuple[str, ...] = ()
    with files.reading(data_dir or name):
        if name == "digits":
            fields = digits.load()
        elif name in mnist.NAMES:
            fields = mnist.load(name, data_dir or None, split)
        elif name == stacked.NAME:
            fields = stacked.load(data_dir or None, split)
        elif name in POINTS:
            fields = points.load(name, split)
        elif name in drawings.NAMES:
            fields, vocabulary = drawings.load(name, split), drawings.VOCABULARY
        elif name == arrows.NAME:
            fields = arrows.load(split)
        else:
            fields, vocabulary = user.load(name, data_dir or "", split)
    if enlarge > 1:
        if not any(map(is_image, fields.values())):
            held = "points" if "x" in fields else "no images"
            raise InputError(f"--enlarge={enlarge}: data set {name} holds {held}; give it images")
        fields = {
            field: _enlarged(array, enlarge) if is_image(array) else array
            for field, array in fields.items()
        }
    part = _PARTS.get(name, "its test split") if split == "test" else ""
    return Dataset(name, fields, part, vocabulary)


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
