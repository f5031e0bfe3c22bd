"""From the name of a data set to its fields in memory."""

import difflib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ganflow.base.errors import InputError
from ganflow.data import arrows, digits, drawings, held_out, mnist, pairs, points, stacked
from ganflow.data.dataset import Dataset, is_image
from ganflow.data.readers import files, folder, user

POINTS = points.ONE_DOMAIN
TWO_DOMAINS = (*pairs.NAMES, *points.TWO_DOMAINS, arrows.NAME)
# These take no files.
BUILT_IN = ("digits", *pairs.OF_DIGITS, *points.NAMES, *drawings.NAMES, arrows.NAME)
NAMES = (
    *("digits", *mnist.NAMES, stacked.NAME, *pairs.NAMES),
    *(*points.NAMES, *drawings.NAMES, arrows.NAME, *user.NAMES),
)
_WHOLE = ("digits", *pairs.OF_DIGITS)  # they have no test split of their own
SPLITS = ("train", "test")
_SHAPING = ("enlarge", "image_size", "channels")  # flags of a run
# What the test split of a data set that is drawn is.
_PARTS = (
    dict.fromkeys(points.NAMES, points.PART)
    | dict.fromkeys(drawings.NAMES, drawings.PART)
    | {arrows.NAME: arrows.PART}
)


def shaping(options: Mapping[str, Any]) -> dict[str, int]:
    """Those of a run's options that shape its images, as `load` and `load_both` take them.

    Args:
      options: by name; of a run of an earlier version, which lacks some, they are as by default.
    """
    return {name: options[name] for name in _SHAPING if name in options}


def load(
    name: str,
    data_dir: str | None = None,
    split: str = "train",
    enlarge: int = 1,
    image_size: int = 0,
    channels: int = 0,
) -> Dataset:
    """Loads a data set.

    Args:
      name: one of `NAMES`. `mnist_55000` is MNIST without its first 5,000 training images, which
        TensorFlow 1's reader (tensorflow.examples.tutorials.mnist) kept for validation, so that
        programs of its time trained on the other 55,000; its test split is MNIST's.
        `stacked_mnist` has three of MNIST's digits as the channels of an image; `mnist_edges` and
        its kin two domains, see `pairs`. `drawings_64` and its sisters have captions, `arrows` has
        two unpaired domains.
      data_dir: for all of MNIST's a folder with the four IDX files (None: Keras's download); for
        `idx`, `npy` and `npz` the file, or a folder with exactly one; for `folder` a folder of
        pictures, see `readers.folder`; the others take none.
      split: "train", or "test", whose examples no training sees: MNIST's; points, drawings and
        arrows drawn afresh; a user's own (a folder of IDX files with t10k-*, `npz` with members
        `NAME_test`, a sub-folder test of pictures); of other data one example in five, see
        `held_out`.
      enlarge: every pixel of an image, in whatever field, becomes a square of so many by so many.
      image_size, channels: of `folder` alone: what each picture is made to be; 0: as it is.

    Returns:
      The whole data set in memory. Its fields are `x` and, but for `circle`, `swiss_roll` and
      files without them, `label`; of two domains `a`, `a_label`, `b` and `b_label`; of drawings
      also their factors and `caption`, of arrows `a`, `b` and their angles, of `npz` every member,
      see `readers.npz`.

    Raises:
      InputError: an unknown name or split, or a file that cannot be used; the message names the
        file, what was found and what was expected.
    """
    if split not in SPLITS:
        raise InputError(f"found the split {split!r}, expected one of {', '.join(SPLITS)}")
    shape = {"enlarge": enlarge, "image_size": image_size, "channels": channels}
    _check(name, data_dir, image_size, channels)
    if _has_own_test_split(name, data_dir):
        return _read(name, data_dir, split, **shape)
    train, test = held_out.split(_read(name, data_dir, "train", **shape))
    if split == "test" and test is None:
        raise InputError(
            f"data set {name}: found {min(train.sizes.values())} examples, expected at least "
            f"{held_out.ONE_IN} to hold some out for a test split"
        )
    return test if split == "test" and test is not None else train


def load_both(
    name: str,
    data_dir: str | None = None,
    enlarge: int = 1,
    image_size: int = 0,
    channels: int = 0,
) -> tuple[Dataset, Dataset | None]:
    """The examples to train on and the held-out ones; arguments as of `load`.

    Returns:
      (train, held out); None of fewer than five examples, of which none are held out.

    Raises:
      InputError: as `load`; or a test split that is not like the training split.
    """
    shape = {"enlarge": enlarge, "image_size": image_size, "channels": channels}
    _check(name, data_dir, image_size, channels)
    if not _has_own_test_split(name, data_dir):
        return held_out.split(_read(name, data_dir, "train", **shape))
    train, test = (_read(name, data_dir, split, **shape) for split in SPLITS)
    _check_alike(train, test)
    return train, test


def _check_alike(train: Dataset, test: Dataset) -> None:
    """Whatever judges a model by held-out examples needs the fields that it was trained on."""
    for field, array in train.fields.items():
        found = test.fields.get(field)
        if found is None:
            raise InputError(
                f"data set {train.name}: found no {field} in the test split, expected it there as "
                "in the training split; add it, or leave the test split out"
            )
        if found.shape[1:] != array.shape[1:]:
            raise InputError(
                f"data set {train.name}: found {field} of {found.shape[1:]} in the test split, "
                f"expected {array.shape[1:]} as in the training split"
            )


def _has_own_test_split(name: str, data_dir: str | None) -> bool:
    """Whether the data come in two parts; raises as `load`."""
    if name not in user.NAMES:
        return name not in _WHOLE
    with files.reading(data_dir or name):
        return user.has_test(name, data_dir or "")


def _read(
    name: str, data_dir: str | None, split: str, enlarge: int, image_size: int, channels: int
) -> Dataset:
    """One part of a data set that comes in parts, or the whole of another."""
    vocabulary: tuple[str, ...] = ()
    with files.reading(data_dir or name):
        if name == "digits":
            fields = digits.load()
        elif name in mnist.NAMES:
            fields = mnist.load(name, data_dir or None, split)
        elif name == stacked.NAME:
            fields = stacked.load(data_dir or None, split)
        elif name in pairs.NAMES:
            fields = pairs.load(name, data_dir or None, split)
        elif name in points.NAMES:
            fields = points.load(name, split)
        elif name in drawings.NAMES:
            fields, vocabulary = drawings.load(name, split), drawings.VOCABULARY
        elif name == arrows.NAME:
            fields = arrows.load(split)
        else:
            shaped = image_size, channels
            fields, vocabulary = user.load(name, data_dir or "", split, *shaped)
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


def _check(name: str, data_dir: str | None, image_size: int, channels: int) -> None:
    if name not in NAMES:
        nearest = difflib.get_close_matches(name, NAMES, n=1, cutoff=0)
        hint = f"did you mean {nearest[0]}? " if nearest else ""
        raise InputError(f"found --dataset={name!r}, {hint}expected one of {', '.join(NAMES)}")
    if name in user.NAMES and not data_dir:
        wanted = "folder of pictures" if name == folder.NAME else f"{name} file or its folder"
        raise InputError(f"data set {name}: found no --data_dir, expected the {wanted}")
    if data_dir and name in BUILT_IN:
        raise InputError(
            f"data set {name}: found --data_dir={data_dir!r}, expected none, for it is built in; "
            "--dataset=idx, npy, npz or folder reads files of your own"
        )
    for flag, value in {"image_size": image_size, "channels": channels}.items():
        if value and name != folder.NAME:
            raise InputError(
                f"--{flag}={value}: belongs to --dataset={folder.NAME}, not to {name}; leave it out"
            )
    if channels not in (0, 1, 3):
        raise InputError(f"--channels={channels}: expected 1 for grey or 3 for RGB")
