"""Training and held-out examples: the ones a judge learns from, and the ones it compares with."""

import numpy as np

from ganflow import data
from ganflow.base.errors import InputError

_MIN_TRAINING_IMAGES, _MIN_HELD_OUT_IMAGES = 40, 10
_MIN_POINTS = 20


def images(
    dataset: data.Dataset, held_out: data.Dataset | None
) -> tuple[data.Dataset, data.Dataset]:
    """Training and held-out images; a data set without a test split gives up a fixed fifth.

    Raises:
      InputError: fewer than 50 images, or held-out ones of another shape or without labels.
    """
    train = dataset
    if held_out is None:
        order = np.random.RandomState(0).permutation(len(dataset.x))
        fifth = len(order) // 5
        held_out, train = _part(dataset, order[:fifth]), _part(dataset, np.sort(order[fifth:]))
    if len(train.x) < _MIN_TRAINING_IMAGES or len(held_out.x) < _MIN_HELD_OUT_IMAGES:
        raise InputError(
            f"data set {dataset.name}: found {len(train.x)} training and {len(held_out.x)} held-out"
            f" examples, expected at least {_MIN_TRAINING_IMAGES} and {_MIN_HELD_OUT_IMAGES} to "
            "judge samples by; add examples"
        )
    if train.example_shape != held_out.example_shape:
        raise InputError(
            f"data set {dataset.name}: found held-out examples of {held_out.example_shape}, "
            f"expected {train.example_shape} like the training examples; give a fitting test split"
        )
    if (train.label is None) != (held_out.label is None):
        raise InputError(
            f"data set {dataset.name}: found labels in one split alone, expected them in both"
        )
    return train, held_out


def points(
    dataset: data.Dataset, held_out: data.Dataset | None
) -> tuple[data.Dataset, data.Dataset]:
    """Training and held-out points; without a test split these are fixed halves.

    Raises:
      InputError: fewer than 20 points.
    """
    if held_out is not None:
        return dataset, held_out
    order = np.random.RandomState(0).permutation(len(dataset.x))
    if len(order) < _MIN_POINTS:
        raise InputError(
            f"data set {dataset.name}: found {len(order)} points, expected at least "
            f"{_MIN_POINTS} to judge samples by; add points"
        )
    half = len(order) // 2
    return _part(dataset, np.sort(order[:half])), _part(dataset, np.sort(order[half:]))


def _part(dataset: data.Dataset, index: np.ndarray) -> data.Dataset:
    """The examples at `index`, of the fields that judging needs."""
    fields = {"x": dataset.x} if dataset.label is None else {"x": dataset.x, "label": dataset.label}
    return data.Dataset(dataset.name, {field: array[index] for field, array in fields.items()})
