"""MNIST, from its four IDX files or from the archive that Keras offers.

Source: https://yann.lecun.com/exdb/mnist/; the archive's address and hash are those of
keras.datasets.mnist.
"""

import hashlib
import os
import socket
import tempfile

import numpy as np

from ganflow.base.errors import InputError
from ganflow.data.readers import arrays, files, idx, npy

_ORIGIN = "https://storage.googleapis.com/tensorflow/tf-keras-datasets/mnist.npz"
_SHA256 = "731c5ac602752760c8e48fbffcf8c3b850d9dc2a2aedcf2cc48468fc17b673d1"
_STALLED_SECONDS = 60  # a transfer without a byte for so long has died

# Training images at the start that are no part of it. TensorFlow 1's reader kept so many of them
# for validation: tensorflow/examples/tutorials/mnist/input_data.py, validation_size=5000.
_LEFT_OUT = {"mnist": 0, "mnist_55000": 5_000}
NAMES = tuple(_LEFT_OUT)

_PREFIX = {"train": "train", "test": "t10k"}


def load(name: str, data_dir: str | None, split: str) -> dict[str, np.ndarray]:
    """The images and labels of one split.

    Args:
      name: one of `NAMES`.
      data_dir: a folder with MNIST's IDX files, plain or .gz; None for Keras's archive, which is
        downloaded once (11 MB) into Keras's cache folder.
      split: "train", 60,000 images, or 55,000; or "test", 10,000.

    Returns:
      `x`, uint8 [n, 28, 28, 1], 0 (paper) to 255 (ink); `label`, int32 [n], 0..9.

    Raises:
      InputError: a file is missing or damaged, or there is no network. Never another data set.
      OSError: the operating system refuses; `files.reading` maps it.
    """
    if data_dir is None:
        path = _archive()
        suffix = {"train": "train", "test": "test"}[split]
        image_path, label_path = f"{path}[x_{suffix}]", f"{path}[y_{suffix}]"
        x = npy.read_member(path, "x_" + suffix)
        label = npy.read_member(path, "y_" + suffix)
    else:
        image_path = _find(data_dir, f"{_PREFIX[split]}-images-idx3-ubyte")
        label_path = _find(data_dir, f"{_PREFIX[split]}-labels-idx1-ubyte")
        x, label = idx.read(image_path), idx.read(label_path)
    if x.dtype != np.uint8 or x.shape[1:] != (28, 28):
        raise files.fault(
            image_path,
            f"found {x.dtype} values in the shape {x.shape}, expected uint8 (n, 28, 28); "
            "--dataset=idx takes images of other sizes",
        )
    label = arrays.check_labels(label_path, label, len(x))
    if label.max() > 9:
        raise files.fault(
            label_path,
            f"found the label {label.max()}, expected 0 to 9; --dataset=idx takes other classes",
        )
    first = _LEFT_OUT[name] if split == "train" else 0
    if len(x) <= first:
        raise files.fault(
            image_path, f"found {len(x)} images, expected more than the {first} that are left out"
        )
    return {"x": arrays.check_examples(image_path, x[first:]), "label": label[first:]}


def _find(data_dir: str, name: str) -> str:
    if os.path.isfile(data_dir):
        raise files.fault(data_dir, "found a file, expected the folder of MNIST's four IDX files")
    os.listdir(data_dir)  # raises for a folder that is missing, or that may not be read
    found = idx.either(os.path.join(data_dir, name))
    if found is not None:
        return found
    raise files.fault(
        data_dir,
        f"found neither {name} nor {name}.gz, expected the four IDX files of MNIST in this folder",
    )


def _cache_folder() -> str:
    """Where keras.datasets keeps its files, told without the seconds that importing Keras takes."""
    home = os.environ.get("KERAS_HOME") or os.path.join(os.path.expanduser("~"), ".keras")
    return os.path.join(home, "datasets")


def _sha256(path: str) -> str:
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _archive() -> str:
    """The path of a whole mnist.npz, downloaded if the cache has none."""
    folder = _cache_folder()
    path = os.path.join(folder, "mnist.npz")
    if os.path.exists(path) and _sha256(path) == _SHA256:
        return path
    os.makedirs(folder, exist_ok=True)
    # A folder of its own inside the cache: an interrupted or damaged download is removed with it,
    # never mistaken for the archive, and two processes do not write to one file.
    with tempfile.TemporaryDirectory(prefix="mnist-", dir=folder) as temporary:
        try:
            fresh = _download(temporary)
        except Exception as error:  # Keras raises a bare Exception where the network fails
            raise _unavailable(f"the download failed ({error})") from error
        found = _sha256(fresh)
        if found != _SHA256:
            raise _unavailable(f"found the SHA-256 {found}, expected {_SHA256}")
        os.replace(fresh, path)
    return path


def _download(folder: str) -> str:
    """Fetches the archive into `folder`, with Keras's progress bar; returns its path."""
    import keras  # imports TensorFlow

    patience = socket.getdefaulttimeout()
    socket.setdefaulttimeout(_STALLED_SECONDS)  # Keras sets none, and would wait for ever
    try:
        return keras.utils.get_file(
            "mnist.npz", _ORIGIN, file_hash=_SHA256, cache_dir=folder, cache_subdir="."
        )
    finally:
        socket.setdefaulttimeout(patience)


def _unavailable(reason: str) -> InputError:
    return files.fault(
        _ORIGIN,
        f"{reason}; give --data_dir=DIR with the four IDX files of MNIST, or take "
        "--dataset=digits, which needs no download",
    )
