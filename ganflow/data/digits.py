"""Handwritten digits that come with scikit-learn, so that a first run needs no download.

Source: https://archive.ics.uci.edu/dataset/80, the test part: 1,797 images of 8 x 8 pixels, 0..16.
"""

import numpy as np

SIDE = 28  # pixels, as MNIST's, so that every network for MNIST takes them


def load() -> dict[str, np.ndarray]:
    """The digits in MNIST's format.

    Returns:
      `x`, images, uint8 [1797, 28, 28, 1], 0 (paper) to 255 (ink); `label`, int32 [1797], 0..9.
    """
    from PIL import Image  # these two are slow to import
    from sklearn.datasets import load_digits

    digits = load_digits()
    small = np.rint(digits.images * (255 / 16)).astype(np.uint8)
    # Bicubic keeps strokes sharper than bilinear, and on 8-bit images Pillow calculates in
    # integers, so that the bytes are the same on every machine.
    large = [
        np.asarray(Image.fromarray(image).resize((SIDE, SIDE), Image.Resampling.BICUBIC))
        for image in small
    ]
    return {"x": np.stack(large)[..., np.newaxis], "label": digits.target.astype(np.int32)}
