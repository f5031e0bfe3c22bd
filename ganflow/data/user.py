"""The data sets `idx`, `npy` and `npz`: arrays of the user's own, as a file or in a folder."""

import os

import numpy as np

from ganflow.data import arrays, files, idx, npy

NAMES = ("idx", "npy", "npz")

# The first pair whose array is there is taken; its labels may be missing.
_MEMBERS = {
    "train": (("x", "label"), ("x_train", "y_train"), ("images", "labels")),
    "test": (("x_test", "y_test"),),
}


def load(name: str, data_dir: str, split: str) -> tuple[np.ndarray, np.ndarray | None]:
    """Examples and labels, checked.

    Args:
      name: one of `NAMES`.
      data_dir: the file, or a folder that holds exactly one such file. IDX images named after
        MNIST's ("images" in the name) have their labels beside them ("labels" instead, idx1);
        `NAME.npy` has them in `NAME_labels.npy`; .npz has the members `x` and `label`, or
        `x_train` and `y_train` (with `x_test` and `y_test`), or `images` and `labels`.
      split: "test" needs the files t10k-* in a folder of IDX files, or the members `x_test`.

    Returns:
      As `arrays.check_examples`; and int32 [n], or None where there are no labels.

    Raises:
      InputError: anything wrong with the file, its values or its labels.
      OSError: the operating system refuses; `files.reading` maps it.
    """
    path = _locate(name, data_dir, split)
    if name == "npz":
        x_name, label_name = _members(path, split)
        x = arrays.check_examples(f"{path}[{x_name}]", npy.read_member(path, x_name))
        if label_name is None:
            return x, None
        label = npy.read_member(path, label_name)
        return x, arrays.check_labels(f"{path}[{label_name}]", label, len(x))
    read = idx.read if name == "idx" else npy.read
    x = arrays.check_examples(path, read(path))
    label_path = _labels_beside(name, path)
    if label_path is None:
        return x, None
    return x, arrays.check_labels(label_path, read(label_path), len(x))


def is_points(name: str, data_dir: str) -> bool:
    """Whether the header promises points [n, 2]; reads no more than that, raises as `load`."""
    path = _locate(name, data_dir, "train")
    if name == "npz":
        shape = npy.read_member_shape(path, _members(path, "train")[0])
    else:
        shape = idx.read_shape(path) if name == "idx" else npy.read_shape(path)
    return len(shape) == 2 and shape[1] == 2


def has_test(name: str, data_dir: str) -> bool:
    """Whether there is a test split beside the training one; raises as `load`."""
    if name == "npz":
        return "x_test" in npy.members(_locate(name, data_dir, "train"))
    if name == "npy" or not os.path.isdir(data_dir):
        return False
    return any(_is_examples(name, entry, "test") for entry in os.listdir(data_dir))


def _members(path: str, split: str) -> tuple[str, str | None]:
    found = npy.members(path)
    for x_name, label_name in _MEMBERS[split]:
        if x_name in found:
            return x_name, label_name if label_name in found else None
    wanted = ", ".join(x_name for x_name, _ in _MEMBERS[split])
    raise files.fault(
        path,
        f"found the members {', '.join(found) or 'none'}, expected for the {split} split: {wanted}",
    )


def _locate(name: str, data_dir: str, split: str) -> str:
    """The file of the examples."""
    if not os.path.isdir(data_dir):
        if split == "test" and name != "npz":
            raise files.fault(data_dir, "found no folder, expected one for a test split")
        return data_dir
    if name == "npy" and split == "test":
        raise files.fault(data_dir, "found a folder of npy, expected npz or idx for a test split")
    entries = [entry for entry in os.listdir(data_dir) if _is_examples(name, entry, split)]
    # A file and its own .gz are one file; the plain one, being quicker to read, is taken.
    found = sorted({entry.removesuffix(".gz") for entry in entries})
    if len(found) != 1:
        wanted = "*images*idx* of the " + split + " split" if name == "idx" else "*." + name
        raise files.fault(
            data_dir,
            f"found {len(found)} files {wanted} ({', '.join(found) or 'none'}), expected exactly "
            "one; or give the file itself",
        )
    path = os.path.join(data_dir, found[0])
    return idx.either(path) or path


def _is_examples(name: str, entry: str, split: str) -> bool:
    if name == "idx":
        test = entry.startswith(("t10k", "test"))
        return "images" in entry and "idx" in entry and test == (split == "test")
    return entry.endswith("." + name) and not entry.endswith("_labels.npy")


def _labels_beside(name: str, path: str) -> str | None:
    folder, entry = os.path.split(path)
    if name == "npy":
        beside = path.removesuffix(".npy") + "_labels.npy"
        return beside if os.path.exists(beside) else None
    if "images" not in entry:
        return None
    for dimensions in "234":
        entry = entry.replace("idx" + dimensions, "idx1")
    entry = entry.replace("images", "labels").removesuffix(".gz")
    return idx.either(os.path.join(folder, entry))
