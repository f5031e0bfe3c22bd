"""What a user's own arrays must look like, and how they become fields."""

import numpy as np
from absl import logging

from ganflow.data.readers import files

_LAST_CODE_POINT = 0x10FFFF
_EXPECTED = "expected images [n, h, w] or [n, h, w, 1 or 3], or points [n, 2]"


def check_examples(path: str, x: np.ndarray) -> np.ndarray:
    """Images or points as the engine trains on them.

    Args:
      path: where they come from, for the messages.
      x: images [n, h, w] or [n, h, w, c] with one or three channels, uint8 0..255 or float in
        [-1, 1] or [0, 1]; or points [n, 2], float.

    Returns:
      uint8 [n, h, w, c], or float32 [n, h, w, c] in [-1, 1] (what spans [0, 1] is stretched, and
      the log says so), or float32 [n, 2] as it was.

    Raises:
      InputError: another shape, type or range; no example; a value that is not finite.
    """
    if 0 in x.shape:
        raise files.fault(path, f"found the shape {x.shape}, which holds no example; {_EXPECTED}")
    points = x.ndim == 2 and x.shape[1] == 2
    if not points and not (x.ndim == 3 or x.ndim == 4 and x.shape[3] in (1, 3)):
        raise files.fault(path, f"found the shape {x.shape}, {_EXPECTED}; reshape it and save it")
    if x.ndim == 3:
        x = x[..., np.newaxis]
    if x.dtype == np.uint8 and not points:
        return np.ascontiguousarray(x)
    if x.dtype.kind != "f" or x.dtype.itemsize > 8:
        wanted = "float16, float32 or float64" + ("" if points else ", or uint8")
        raise files.fault(
            path, f"found {x.dtype} values in the shape {x.shape}, expected {wanted}; convert it"
        )
    x = _finite_float32(path, x)
    return x if points else _to_unit_range(path, x)


def _finite_float32(path: str, x: np.ndarray) -> np.ndarray:
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite, and is told below
        x = np.ascontiguousarray(x, dtype=np.float32)
    finite = np.isfinite(x)
    if not finite.all():
        index = tuple(int(i) for i in np.unravel_index(np.argmin(finite), x.shape))
        raise files.fault(
            path, f"found {x[index]} at index {index}, expected finite float32 values; remove it"
        )
    return x


def _to_unit_range(path: str, x: np.ndarray) -> np.ndarray:
    low, high = float(x.min()), float(x.max())
    if low >= 0 and high <= 1:
        logging.info("%s: float images in [0, 1], scaled to [-1, 1]", path)
        return 2 * x - 1
    if low >= -1 and high <= 1:
        logging.info("%s: float images in [-1, 1], taken as they are", path)
        return x
    raise files.fault(
        path,
        f"found float images from {low:g} to {high:g}, expected all in [0, 1] or all in [-1, 1]; "
        "scale them, or save them as uint8",
    )


def check_labels(path: str, label: np.ndarray, examples: int | None = None) -> np.ndarray:
    """Class labels as int32 [examples]; None where it is for them to say how many there are.

    Raises:
      InputError: not one-dimensional, not integers, another number of them, negative, or beyond
        int32.
    """
    if label.ndim != 1 or label.dtype.kind not in "iu":
        raise files.fault(
            path,
            f"found labels of {label.dtype} in the shape {label.shape}, expected integers "
            f"({examples or 'n'},); save the class indices, not one-hot rows",
        )
    if examples is not None and len(label) != examples:
        raise files.fault(
            path, f"found {len(label)} labels, expected {examples}, one for each example"
        )
    return _from_zero(path, label, "labels", "class indices")


def check_captions(path: str, caption: np.ndarray) -> np.ndarray:
    """Captions as int32 [n, words].

    Raises:
      InputError: not two-dimensional, not integers, none, negative, or beyond int32.
    """
    if caption.ndim != 2 or caption.dtype.kind not in "iu":
        raise files.fault(
            path,
            f"found captions of {caption.dtype} in the shape {caption.shape}, expected integers "
            "[n, words] or sentences [n]; save strings, or the words' numbers, every row filled up "
            "to one length",
        )
    return _from_zero(path, caption, "token ids", "token ids")


def check_sentences(path: str, caption: np.ndarray) -> list[str]:
    """Captions that are words, one string an example.

    Raises:
      InputError: not one-dimensional, or what no text can have: half a surrogate pair, or a number
        beyond Unicode.
    """
    if caption.ndim != 1:
        raise files.fault(
            path, f"found sentences in the shape {caption.shape}, expected one a row, [n]"
        )
    native = np.ascontiguousarray(caption, caption.dtype.newbyteorder("="))
    points = native.view(np.uint32)  # NumPy keeps the code points
    if points.max() > _LAST_CODE_POINT or ((points >= 0xD800) & (points < 0xE000)).any():
        raise files.fault(path, "found characters that are none of Unicode's, expected text")
    return native.tolist()


def check_numbers(path: str, values: np.ndarray) -> np.ndarray:
    """A field of a name that says nothing of what it holds.

    Args:
      path: where it comes from, for the messages.
      values: numbers [n, ...], one row an example.

    Returns:
      uint8 [n, h, w, c], images, of uint8 [n, h, w] or [n, h, w, 1 or 3]; int32 of other integers
      and of booleans; float32 of floats, which keep their units.

    Raises:
      InputError: a single number, no example, a value that is not finite or beyond int32, or
        another type.
    """
    if values.ndim == 0:
        raise files.fault(path, "found a single number, expected one row for each example")
    if 0 in values.shape:
        raise files.fault(path, f"found the shape {values.shape}, which holds no example")
    if values.dtype == np.uint8 and (
        values.ndim == 3 or values.ndim == 4 and values.shape[3] in (1, 3)
    ):
        return check_examples(path, values)
    if values.dtype.kind == "f" and values.dtype.itemsize <= 8:
        return _finite_float32(path, values)
    if values.dtype.kind not in "biu":
        raise files.fault(
            path, f"found {values.dtype} values, expected integers, float16, float32 or float64"
        )
    low, high, limits = int(values.min()), int(values.max()), np.iinfo(np.int32)
    if low < limits.min or high > limits.max:
        raise files.fault(path, f"found integers from {low} to {high}, expected them within int32")
    return np.ascontiguousarray(values, dtype=np.int32)


def _from_zero(path: str, values: np.ndarray, found: str, wanted: str) -> np.ndarray:
    if values.size == 0:
        raise files.fault(path, f"found the shape {values.shape}, which holds no example")
    low, high, most = int(values.min()), int(values.max()), np.iinfo(np.int32).max
    if low < 0 or high > most:
        raise files.fault(
            path, f"found {found} from {low} to {high}, expected {wanted} from 0 to {most}"
        )
    return np.ascontiguousarray(values, dtype=np.int32)
