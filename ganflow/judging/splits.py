"""Training and held-out examples: the ones a judge learns from, and the ones it compares with."""

from ganflow import data
from ganflow.base.errors import InputError

_MIN_TRAINING, _MIN_HELD_OUT = 40, 10


def checked(
    train: data.Dataset, held_out: data.Dataset | None
) -> tuple[data.Dataset, data.Dataset]:
    """The fields that judging needs, of examples that are enough and fit together.

    Raises:
      InputError: too few, or held-out ones of another shape, or labels in one part alone.
    """
    num_held_out = 0 if held_out is None else len(held_out.x)
    if held_out is None or len(train.x) < _MIN_TRAINING or num_held_out < _MIN_HELD_OUT:
        raise InputError(
            f"data set {train.name}: found {len(train.x)} training and {num_held_out} held-out "
            f"examples, expected at least {_MIN_TRAINING} and {_MIN_HELD_OUT} to judge samples by; "
            "add examples"
        )
    if train.example_shape != held_out.example_shape:
        raise InputError(
            f"data set {train.name}: found held-out examples of {held_out.example_shape}, "
            f"expected {train.example_shape} like the training examples; give a fitting test split"
        )
    if (train.label is None) != (held_out.label is None):
        raise InputError(
            f"data set {train.name}: found labels in one split alone, expected them in both"
        )
    return train.alone("x"), held_out.alone("x")
