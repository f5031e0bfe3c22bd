"""Data sets: small ones that need no download, MNIST, and a user's own arrays.

    dataset.py                    `Dataset`: named fields in memory; `domain`, `decoded`
    loading.py                    `load`: from a name and a folder to a `Dataset`
    held_out.py                   what is set aside before any training
    digits.py mnist.py stacked.py points.py drawings.py arrows.py
                                  the data sets with names of their own
    readers/                      files that strangers wrote: idx, npy, npz, all checked

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
    check_batch,
    load,
    load_both,
)
from ganflow.data.points import modes

__all__ = [
    "BUILT_IN",
    "NAMES",
    "POINTS",
    "SPLITS",
    "Dataset",
    "check_batch",
    "decoded",
    "domain",
    "load",
    "load_both",
    "modes",
    "split",
]
