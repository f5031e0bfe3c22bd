"""The data sets `idx`, `npy`, `npz` and `folder`: arrays or pictures of the user's own."""

import os

import numpy as np

from ganflow.data.readers import arrays, files, folder, idx, npy, npz

NAMES = ("idx", "npy", "npz", folder.NAME)


def load(
    name: str, data_dir: str, split: str, image_size: int = 0, channels: int = 0
) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The fields, checked, and the vocabulary of captions that are words.

    Args:
      name: one of `NAMES`.
      data_dir: the file, or a folder that holds exactly one such file. IDX images named after
        MNIST's ("images" in the name) have their labels beside them ("labels" instead, idx1);
        `NAME.npy` has them in `NAME_labels.npy`; for the members of .npz see `npz`. Of `folder`
        the folder of pictures, see there.
      split: "test" needs the files t10k-* in a folder of IDX files, or members `NAME_test`, or a
        sub-folder test.
      image_size, channels: of `folder`, see there; the others have none.

    Returns:
      (fields, vocabulary): `x` as `arrays.check_examples` gives it, and `label`, int32 [n], where
      there are labels; of .npz every field of the split, and its words, see `npz`; of `folder` as
      its `load` says.

    Raises:
      InputError: anything wrong with the file, its values or its labels.
      OSError: the operating system refuses; `files.reading` maps it.
    """
    if name == folder.NAME:
        return folder.load(data_dir, split, image_size, channels), ()
    path = _locate(name, data_dir, split)
    if name == "npz":
        return npz.load(path, split)
    read = idx.read if name == "idx" else npy.read
    fields = {"x": arrays.check_examples(path, read(path))}
    label_path = _labels_beside(name, path)
    if label_path is not None:
        label = read(label_path)
        fields["label"] = arrays.check_labels(label_path, label, len(fields["x"]))
    return fields, ()


def has_test(name: str, data_dir: str) -> bool:
    """Whether there is a test split beside the training one; raises as `load`."""
    if name == folder.NAME:
        return folder.has_test(data_dir)
    if name == "npz":
        return npz.has_test(_locate(name, data_dir, "train"))
    if name == "npy" or not os.path.isdir(data_dir):
        return False
    return any(_is_examples(name, entry, "test") for entry in os.listdir(data_dir))


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
    place, entry = os.path.split(path)
    if name == "npy":
        beside = path.removesuffix(".npy") + "_labels.npy"
        return beside if os.path.exists(beside) else None
    if "images" not in entry:
        return None
    for dimensions in "234":
        entry = entry.replace("idx" + dimensions, "idx1")
    entry = entry.replace("images", "labels").removesuffix(".gz")
    return idx.either(os.path.join(place, entry))
