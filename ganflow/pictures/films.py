"""Pictures that follow each other, as an animated GIF or WebP file."""

import io
from collections.abc import Sequence

import numpy as np

KINDS = ("gif", "webp")
_HELD = 10  # times as long as the others stands the last frame


def encoded(frames: Sequence[np.ndarray], kind: str, frame_ms: int = 100) -> bytes:
    """A file's content; it plays over and over, and its last frame stands for a while.

    Grey frames keep every value, and coloured ones do so in a WebP file; a GIF file has 256
    colours.

    Args:
      frames: uint8 [h, w, 1 or 3], all of one shape, at least one.
      kind: "gif" or "webp".
      frame_ms: how long a frame stands, in milliseconds.
    """
    from PIL import Image

    images = [Image.fromarray(f[:, :, 0] if f.shape[2] == 1 else f) for f in frames]
    durations = [frame_ms] * (len(images) - 1) + [frame_ms * _HELD]
    out = io.BytesIO()
    images[0].save(
        *(out, kind.upper()),
        save_all=True,
        append_images=images[1:],
        duration=durations,
        loop=0,
        lossless=True,  # of WebP; GIF files always are
    )
    return out.getvalue()
