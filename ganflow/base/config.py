"""A model's settings: a frozen dataclass that is the only source of defaults, bounds and help."""

import dataclasses
import math
from typing import Any

from ganflow.base.errors import InputError


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


def check(config: Any) -> None:
    """Hold a config's values against their types, bounds and choices.

    Raises:
      InputError: a value that does not fit; the text names the field.
    """
    for field in dataclasses.fields(config):
        value: Any = getattr(config, field.name)
        default: Any = field.default
        meta = field.metadata
        entries = value if isinstance(default, tuple) else (value,)
        kind = type(default[0] if isinstance(default, tuple) and default else default)
        kinds = (int, float) if kind is float else (kind,)
        words = f"{field.name}={value!r}: expected "
        if isinstance(default, tuple) and not isinstance(value, tuple | list):
            raise InputError(words + "a tuple")
        for entry in entries:
            if not isinstance(entry, kinds) or isinstance(entry, bool) != (kind is bool):
                raise InputError(words + kind.__name__)
            if kind in (int, float) and not math.isfinite(entry):
                raise InputError(words + "a finite number")
            if meta["minimum"] is not None and entry < meta["minimum"]:
                raise InputError(words + f"{meta['minimum']} or more")
            if meta["maximum"] is not None and entry > meta["maximum"]:
                raise InputError(words + f"{meta['maximum']} or less")
        if meta["choices"] and value not in meta["choices"]:
            raise InputError(words + f"one of {', '.join(meta['choices'])}")
