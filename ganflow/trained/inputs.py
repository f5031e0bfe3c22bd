"""Images of the user's own, for a sampler that is given real ones: `bin/sample.py --input`."""

from pathlib import Path

import numpy as np

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.data.readers import files, npy, picture
from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.nn.draws import Real
from ganflow.trained import loading

_PICTURES = (".png", ".jpg", ".jpeg")


def asked(
    gan, manifest: dict, sampler: Sampler, path: Path, num: int | None = None
) -> dict[str, np.ndarray]:
    """What `sampling.of_gan` is to be given in place of real images.

    Args:
      gan, manifest: of `loading.load_trained`.
      sampler: one of the model's.
      path: a PNG or JPEG file, converted to grey or RGB where the run's --channels did so; or an
        .npy file, uint8 [h, w], [h, w, c] or [n, h, w, c].
      num: samples of a single image; None: one of each.

    Returns:
      {"a": float32 [n, h, w, c] in [-1, 1]}, by the name in `sampler.given`.

    Raises:
      InputError: the sampler is given no image, or several; a file that cannot be used; images of
        another shape than those that the model was trained on, or than what the sampler is given in
        their place (small ones); another `num` than that of several images.
    """
    fields, flag = loading.fields_of(manifest), f"--input={path}"
    names = _given_images(sampler, fields)
    if len(names) != 1:
        others = [s.name for s in gan.samplers() if len(_given_images(s, fields)) == 1]
        what = f"is given the images {', '.join(names)}" if names else "is given no image"
        do = f"; --sampler={' or '.join(others)} takes one" if others else ""
        who = f"the sampler {sampler.name}" if sampler.name else "this model's G"
        raise InputError(f"{flag}: {who} {what}{do}")
    with files.reading(str(path)):
        images = read(path, manifest["options"].get("channels", 0))
    expected = tuple(gans.blank(sampler, fields)[names[0]].shape[1:])
    if images.shape[1:] != expected:
        made = "what is made of " if sampler.given[names[0]].through is not None else ""
        raise InputError(
            f"{flag}: found {_text(images.shape[1:])}, expected {_text(expected)} as {made}the "
            "images that the model was trained on"
        )
    if num is not None and len(images) > 1 and num != len(images):
        raise InputError(f"--num={num}: {flag} holds {len(images)} images; leave --num out")
    images = data.decoded(images).numpy()
    return {names[0]: images.repeat(num or 1, axis=0) if len(images) == 1 else images}


def _given_images(sampler: Sampler, fields: Fields) -> list[str]:
    return [
        name
        for name, draw in sampler.given.items()
        if isinstance(draw, Real) and len(fields.shape(draw.field)) == 3
    ]


def read(path: Path, channels: int = 0) -> np.ndarray:
    """Pictures of a file: uint8 [n, h, w, c].

    Args:
      path, channels: as of `asked`, and of `picture.read`.

    Raises:
      InputError: another ending, or another array.
    """
    if path.suffix.lower() in _PICTURES:
        return picture.read(str(path), channels)[np.newaxis]
    if path.suffix != ".npy":
        raise InputError(
            f"--input={path}: found the ending {path.suffix!r}, expected {', '.join(_PICTURES)} or "
            ".npy"
        )
    images = npy.read(str(path))
    if images.dtype != np.uint8 or images.ndim not in (2, 3, 4):
        raise files.fault(
            str(path),
            f"found {images.dtype} values in the shape {images.shape}, expected uint8 [h, w], "
            "[h, w, c] or [n, h, w, c]",
        )
    images = images[..., np.newaxis] if images.ndim == 2 else images
    return images[np.newaxis] if images.ndim == 3 else images


def _text(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))
