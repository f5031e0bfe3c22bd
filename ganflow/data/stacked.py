"""Stacked MNIST: three digits as the three channels of an image; 1,000 modes, all as likely.

Sources: 1611.02163 (unrolled GANs) had it first; 1712.04086 (PacGAN) counts modes on it. They stack
digits drawn at random from MNIST, as here; ours are drawn from a fixed seed, the test split's from
MNIST's test images.
"""

import numpy as np

from ganflow.data import mnist

NAME = "stacked_mnist"
CHANNELS = 3
_SEEDS = {"train": 0, "test": 1}


def load(data_dir: str | None, split: str) -> dict[str, np.ndarray]:
    """As many images as MNIST has in this split.

    Args:
      data_dir, split: as for `mnist.load`.

    Returns:
      `x`, uint8 [n, 28, 28, 3]; `label`, int32 [n], 100 times the first digit, plus 10 times the
      second, plus the third.

    Raises:
      InputError: as `mnist.load`.
    """
    digits = mnist.load("mnist", data_dir, split)
    count = len(digits["x"])
    # RandomState, not default_rng: NumPy promises to keep its stream from version to version.
    drawn = np.random.RandomState(_SEEDS[split]).randint(count, size=[CHANNELS, count])
    x = np.concatenate([digits["x"][index] for index in drawn], axis=3)
    hundreds, tens, ones = (digits["label"][index] for index in drawn)
    return {"x": x, "label": 100 * hundreds + 10 * tens + ones}
