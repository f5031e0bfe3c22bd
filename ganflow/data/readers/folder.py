"""A user's own folder of PNG and JPEG files; its sub-folders are classes, domains, splits.

    DIR/*.png                     x
    DIR/CLASS/*.png               x, and label: the place of CLASS among the sorted names
    DIR/a/..., DIR/b/...          two unpaired domains, where nothing else is beside them; each is
                                  like one of these, and has a_label or b_label where it has classes
    DIR/train/..., DIR/test/...   the splits, each like one of these

Every file is a picture or an error; but what is hidden, by a name that begins with a dot, is not
looked at (.DS_Store). The order is that of the names.
"""

import os
from typing import NamedTuple

import numpy as np
from absl import logging

from ganflow.data.readers import files, picture

NAME = "folder"
MOST_FILES = 1_000_000  # of one split
MOST_BYTES = 8 * 2**30  # of all pixels of one domain of one split, in memory
_ENDINGS = (".png", ".jpg", ".jpeg")
_CLASSES_TOLD = 20  # in one line


class _Members(NamedTuple):
    """The pictures of one domain of one split."""

    paths: list[str]
    classes: list[str]  # the sub-folders' names; none where there are no sub-folders
    label: list[int]  # of each picture, its place in `classes`


def load(data_dir: str, split: str, image_size: int, channels: int) -> dict[str, np.ndarray]:
    """The pictures of one split.

    Args:
      data_dir: the folder.
      split: "train", or "test" where `has_test`.
      image_size: the side in pixels to which each is cropped and resized, see `picture.read`; 0: as
        they are, and then all of a domain have to be of one size.
      channels: 1 or 3, into which each is converted, see `picture.read`; 0: as they are, and then
        all of a domain have to be grey, or all RGB.

    Returns:
      `x`, uint8 [n, h, w, c], and of classes `label`, int32 [n]; or `a`, `a_label`, `b`, `b_label`.

    Raises:
      InputError: no pictures, or something else; a picture that is damaged, too large or unlike the
        others; too many of them; sub-folders that do not fit.
      OSError: the operating system refuses; `files.reading` maps it.
    """
    train = _domains(data_dir, "train")
    wanted = train if split == "train" else _domains(data_dir, split)
    if wanted.keys() != train.keys():
        raise files.fault(
            data_dir,
            f"found the domains {', '.join(wanted)} in the {split} split, expected those of the "
            f"training split, {', '.join(train)}",
        )
    fields = {}
    for field, members in wanted.items():
        first, classes = train[field].paths[0], train[field].classes
        label = _label(data_dir, members, classes)
        fields[field] = _read_all(members.paths, first, image_size, channels)
        if classes:
            fields["label" if field == "x" else f"{field}_label"] = label
            if split == "train":
                told = [f"{i} {name!r}" for i, name in enumerate(classes)]
                logging.info("%s: classes of %s: %s", data_dir, field, _listed(told))
    return fields


def has_test(data_dir: str) -> bool:
    """Whether there are sub-folders train and test; raises as `load` where they do not fit."""
    if os.path.isfile(data_dir):
        raise files.fault(data_dir, "found a file, expected a folder of pictures")
    folders, others = _entries(data_dir)
    splits = [name for name in ("train", "test") if name in folders]
    beside = [name for name in [*folders, *others] if name not in splits]
    if splits and (beside or "train" not in splits):
        raise files.fault(
            data_dir,
            f"found the sub-folder {splits[0]} {f'beside {beside[0]}' if beside else 'alone'}, "
            "expected the splits train and test, or train, and nothing beside them",
        )
    return "test" in splits


# ---------------------------------------------------------------- what is in the folder


def _domains(data_dir: str, split: str) -> dict[str, _Members]:
    """The pictures of one split by field: x, or a and b."""
    in_splits = has_test(data_dir) or "train" in _entries(data_dir)[0]
    root = os.path.join(data_dir, split) if in_splits else data_dir
    folders, others = _entries(root)
    if folders in (["a"], ["b"]) and not others:
        raise files.fault(root, f"found the domain {folders[0]} alone, expected both, a and b")
    names = folders if folders == ["a", "b"] and not others else []
    found = {name: _members(os.path.join(root, name)) for name in names}
    found = found or {"x": _members(root)}
    if (count := sum(len(members.paths) for members in found.values())) > MOST_FILES:
        raise files.fault(root, f"found {count:,} pictures, expected at most {MOST_FILES:,}")
    return found


def _members(folder: str) -> _Members:
    """Pictures, or sub-folders of pictures."""
    classes, others = _entries(folder)
    if not classes:
        return _Members(_pictures(folder, others), [], [])
    if others:
        raise files.fault(
            os.path.join(folder, others[0]),
            f"found a file beside the sub-folder {classes[0]}, expected either pictures or "
            "sub-folders of pictures, which are classes",
        )
    paths: list[str] = []
    label: list[int] = []
    for number, name in enumerate(classes):
        of_class = os.path.join(folder, name)
        deeper, others = _entries(of_class)
        if deeper:
            raise files.fault(
                os.path.join(of_class, deeper[0]),
                "found a folder inside a class, expected pictures alone",
            )
        found = _pictures(of_class, others)
        paths += found
        label += [number] * len(found)
    return _Members(paths, classes, label)


def _entries(folder: str) -> tuple[list[str], list[str]]:
    """(Sub-folders, everything else) but for what is hidden, each sorted."""
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    is_folder = {name: os.path.isdir(os.path.join(folder, name)) for name in names}
    return [n for n in names if is_folder[n]], [n for n in names if not is_folder[n]]


def _pictures(folder: str, names: list[str]) -> list[str]:
    """The paths of files that are called as pictures are, of which there has to be one."""
    for name in names:
        if not name.lower().endswith(_ENDINGS):
            raise files.fault(
                os.path.join(folder, name),
                f"found no picture's ending, expected {', '.join(_ENDINGS)}; move the file away",
            )
    if not names:
        raise files.fault(folder, f"found no pictures, expected files {', '.join(_ENDINGS)}")
    return [os.path.join(folder, name) for name in names]


def _label(data_dir: str, members: _Members, classes: list[str]) -> np.ndarray:
    """Of each picture the place of its class in `classes`, those of the training split."""
    unknown = [name for name in members.classes if name not in classes]
    if unknown or bool(members.classes) != bool(classes):
        raise files.fault(
            data_dir,
            f"found the classes {_listed(members.classes)} in the test split, expected those of "
            f"the training split: {_listed(classes)}",
        )
    places = np.array([classes.index(name) for name in members.classes], np.int32)
    return places[members.label]


def _listed(names: list[str]) -> str:
    """The first of them."""
    more = ["..."] if len(names) > _CLASSES_TOLD else []
    return ", ".join([*names[:_CLASSES_TOLD], *more]) or "none"


# ---------------------------------------------------------------- pictures


def _read_all(paths: list[str], first: str, image_size: int, channels: int) -> np.ndarray:
    """uint8 [n, h, w, c], all as the picture at `first` is."""
    advice = "--channels=1 or --channels=3 converts it"
    shape = picture.read(first, channels, image_size, advice).shape
    promised = files.promised_bytes(first, (len(paths), *shape), np.dtype(np.uint8))
    if promised > MOST_BYTES:
        raise files.fault(
            os.path.dirname(first),
            f"found {len(paths):,} pictures of {_text(shape)}, {promised:,} bytes, expected at "
            f"most {MOST_BYTES:,}; --image_size=N makes them smaller",
        )
    x = np.empty((len(paths), *shape), np.uint8)
    for i, path in enumerate(paths):
        one = picture.read(path, channels, image_size, advice)
        if one.shape != shape:
            what = "--image_size=N crops and resizes them"
            if one.shape[:2] == shape[:2]:
                what = "--channels=1 or --channels=3 converts them"
            raise files.fault(
                path, f"found {_text(one.shape)}, expected {_text(shape)} as {first} has; {what}"
            )
        x[i] = one
    return x


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
