"""A model's settings: a frozen dataclass that is the only source of defaults, bounds and help."""

import dataclasses
from typing import Any


def option(
    default: Any,
    help: str,
    minimum: float | None = None,
    maximum: float | None = None,
    choices: tuple[str, ...] | None = None,
) -> Any:
    """A field of a `Config`; it becomes the absl flag of the same name.

    Args:
      default: its type is the flag's type: bool, int, float, str or a tuple of int.
      help: one line with the unit and, where it is not plain, the source of the default.
      minimum, maximum: inclusive bounds (of each entry, for a tuple).
      choices: the words that a str may be.
    """
    metadata = {"help": help, "minimum": minimum, "maximum": maximum, "choices": choices}
    return dataclasses.field(default=default, metadata=metadata)
