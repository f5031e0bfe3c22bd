"""One PNG or JPEG file, read through Pillow, with its size checked before any pixel is decoded."""

import warnings
from typing import TYPE_CHECKING

import numpy as np

from ganflow.base.errors import InputError
from ganflow.data.readers import files

if TYPE_CHECKING:  # slow to import
    from PIL.Image import Image as Picture

MOST_PIXELS = 2**26  # 8,192 x 8,192; with its copies up to a gigabyte while it is converted

_PLAIN = {1: "L", 3: "RGB"}  # Pillow's modes, by channels
_MODES = {  # the others, in words
    "1": "black and white of 1 bit",
    "P": "a palette",
    "LA": "grey and alpha",
    "PA": "a palette and alpha",
    "RGBA": "RGB and alpha, 4 channels",
    "CMYK": "CMYK, 4 channels",
    "I": "grey",
    "I;16": "grey",
}
_WITH_ALPHA = ("LA", "PA", "RGBA")
_DEPTH_AT = 24  # the byte of a PNG file that has the bits of a channel: signature, length, IHDR


def read(
    path: str, channels: int = 0, side: int = 0, advice: str = "save it as such"
) -> np.ndarray:
    """The pixels as they are to be seen: the orientation that the file tells of (EXIF) is applied.

    Args:
      path: of the file.
      channels: 1 for grey (the luma of ITU-R 601-2) or 3 for RGB, into which it is converted. What
        is transparent is laid on black; of 16 bits a channel the upper eight are taken; CMYK
        becomes RGB by the plain formula, without a colour profile. 0: nothing is converted, and
        what is not grey or RGB of 8 bits is refused.
      side: pixels: the square in its middle is cut out and resized to it, bicubic; 0: it is left
        as it is.
      advice: what to do about one that is refused for its channels, for the message.

    Returns:
      uint8 [h, w, 1 or 3].

    Raises:
      InputError: no PNG or JPEG file, a damaged one, an animation, more than `MOST_PIXELS`, or
        channels that were not to be converted.
      OSError: the operating system refuses; `files.reading` maps it.
    """
    from PIL import Image

    files.size_bytes(path)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what they tell of is checked here, or no matter
            with Image.open(path, formats=("PNG", "JPEG")) as picture:
                _check_size(path, *picture.size)
                plain = _in_plain(_upright(path, picture, channels, advice), channels)
            array = np.asarray(_squared(plain, side) if side else plain)
    except (InputError, MemoryError):
        raise
    except Image.DecompressionBombError as error:  # Pillow's own bound, which is above ours
        raise _too_large(path, "more pixels than Pillow opens") from error
    except Exception as error:  # damaged files raise half a dozen types, from struct to zlib
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise files.fault(
            path,
            f"found a damaged picture ({' '.join(str(error).split())}), expected a whole PNG or "
            "JPEG file; copy it again, or move it away",
        ) from error
    return array if array.ndim == 3 else array[:, :, np.newaxis]


def _check_size(path: str, width: int, height: int) -> None:
    """A small file can promise pixels that fill the memory."""
    if width * height > MOST_PIXELS:
        raise _too_large(path, f"{width} x {height} pixels, {width * height:,}")


def _too_large(path: str, found: str) -> InputError:
    return files.fault(
        path, f"found {found}, expected at most {MOST_PIXELS:,} pixels; save it smaller"
    )


def _upright(path: str, picture: "Picture", channels: int, advice: str) -> "Picture":
    """Decoded, of 8 bits, turned as it is to be seen; refused where it would have to be converted.

    Raises:
      InputError: an animation; channels that are not to be converted, or cannot be.
    """
    from PIL import Image, ImageOps

    if picture.format == "PNG" and getattr(picture, "n_frames", 1) > 1:
        raise files.fault(path, "found an animation, expected a single picture")
    is_deep = picture.format == "PNG" and _bits(path) == 16
    has_key = "transparency" in picture.info  # a colour that is transparent, or a palette's alphas
    is_plain = picture.mode in _PLAIN.values() and not is_deep and not has_key
    of_numbers = picture.mode.startswith("I")  # which Pillow cannot lay on anything
    if not is_plain and (not channels or of_numbers and has_key):
        found = _MODES.get(picture.mode, picture.mode)
        found += " of 16 bits a channel" * is_deep + " with transparency" * has_key
        raise files.fault(path, f"found {found}, expected grey or RGB of 8 bits; {advice}")
    turned = ImageOps.exif_transpose(picture)
    if of_numbers:
        return Image.fromarray((np.asarray(turned) >> 8).astype(np.uint8))
    if has_key or picture.mode in _WITH_ALPHA:
        black = Image.new("RGBA", turned.size, (0, 0, 0, 255))
        return Image.alpha_composite(black, turned.convert("RGBA")).convert("RGB")
    return turned


def _in_plain(picture: "Picture", channels: int) -> "Picture":
    """In grey or RGB."""
    if not channels:
        return picture
    if picture.mode not in ("1", "L"):
        picture = picture.convert("RGB")
    return picture.convert(_PLAIN[channels])


def _squared(picture: "Picture", side: int) -> "Picture":
    from PIL import Image

    width, height = picture.size
    cut = min(width, height)
    left, top = (width - cut) // 2, (height - cut) // 2
    square = picture.crop((left, top, left + cut, top + cut))
    # On 8-bit images Pillow calculates in integers, so that the bytes are the same everywhere.
    return square if cut == side else square.resize((side, side), Image.Resampling.BICUBIC)


def _bits(path: str) -> int:
    """Of a channel of a PNG file; Pillow tells it of grey ones alone."""
    with open(path, "rb") as stream:
        return stream.read(_DEPTH_AT + 1)[_DEPTH_AT]
