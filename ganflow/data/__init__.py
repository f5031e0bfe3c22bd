"""Data sets: small ones that need no download, MNIST, and a user's own arrays and pictures.

    dataset.py                    `Dataset`: named fields in memory; `domain`, `decoded`
    loading.py                    `load`: from a name and a folder to a `Dataset`
    held_out.py                   what is set aside before any training
    digits.py mnist.py points.py drawings.py arrows.py
                                  the data sets with names of their own
    stacked.py pairs.py           what is made of digits: three as one image; two domains
    readers/                      files that strangers wrote: arrays and pictures, all checked

It imports `base`, `interface.fields` and `interface.captions`, and TensorFlow only in `decoded`.
Batches and shuffling belong to the engine.
"""

from ganflow.data.dataset import Dataset, decoded, domain
from ganflow.data.held_out import split
from ganflow.data.loading import (
    BUILT_IN,
    NAMES,
    POINTS,
    SPLITS,
    TWO_DOMAINS,
    check_batch,
    load,
    load_both,
    shaping,
)
from ganflow.data.pairs import NAMES as PAIRS
from ganflow.data.pairs import transform
from ganflow.data.points import modes

__all__ = [
    "BUILT_IN",
    "NAMES",
    "PAIRS",
    "POINTS",
    "SPLITS",
    "TWO_DOMAINS",
    "Dataset",
    "check_batch",
    "decoded",
    "domain",
    "load",
    "load_both",
    "modes",
    "shaping",
    "split",
    "transform",
]
