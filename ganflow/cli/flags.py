"""Flags from configs: which model is chosen decides which flags exist.

The model's name is looked up first (on the command line and in flag files); then its `Config` and
the engine's `Options` become absl flags, and the command line is parsed for good. So a mistyped
flag, or one of another model, is an error, and `--helpfull` lists just what fits.
"""

import dataclasses
import difflib
import math
from collections.abc import Collection, Sequence
from typing import Any, TypeVar

from absl import flags

from ganflow import models
from ganflow.base.errors import InputError
from ganflow.cli import helping

FLAGS = flags.FLAGS
# What absl leaves to others: a flag file of bytes that are no text, or with a zero in its name.
NO_FLAG_FILE = (ValueError,)
_Config = TypeVar("_Config", bound=Any)


class _IntTuple(flags.ArgumentParser):
    """Whole numbers separated by commas, each at least `minimum`."""

    syntactic_help = "whole numbers separated by commas"

    def __init__(self, minimum: int | None):
        super().__init__()
        self.minimum = minimum

    def parse(self, argument: str | Sequence[int]) -> tuple[int, ...]:
        """Raises ValueError, which absl turns into an error that names the flag."""
        parts = argument.split(",") if isinstance(argument, str) else argument
        try:
            numbers = tuple(int(part) for part in parts)
        except ValueError as error:
            raise ValueError(f"expected {self.syntactic_help}") from error
        if self.minimum is not None and min(numbers) < self.minimum:
            raise ValueError(f"expected numbers >= {self.minimum}")
        return numbers

    def flag_type(self) -> str:
        """For --helpfull."""
        return "whole numbers"


def define(config: Any, module_name: str, flag_values: flags.FlagValues = FLAGS) -> None:
    """Define a flag for every field of a config, with its default, bounds and help."""
    for field in dataclasses.fields(config):
        default, meta = getattr(config, field.name), field.metadata
        common: dict[str, Any] = {"module_name": module_name, "flag_values": flag_values}
        bounds: dict[str, Any] = {"lower_bound": meta["minimum"], "upper_bound": meta["maximum"]}
        if isinstance(default, bool):
            flags.DEFINE_boolean(field.name, default, meta["help"], **common)
        elif isinstance(default, int):
            flags.DEFINE_integer(field.name, default, meta["help"], **bounds, **common)
        elif isinstance(default, float):
            flags.DEFINE_float(field.name, default, meta["help"], **bounds, **common)
        elif isinstance(default, tuple):
            parser, serializer = _IntTuple(meta["minimum"]), flags.CsvListSerializer(",")
            flags.DEFINE(
                parser, field.name, default, meta["help"], flag_values, serializer, module_name
            )
        elif meta["choices"]:
            flags.DEFINE_enum(field.name, default, meta["choices"], meta["help"], **common)
        else:
            flags.DEFINE_string(field.name, default, meta["help"], **common)


def read(config: _Config, flag_values: flags.FlagValues | None = None) -> _Config:
    """The config that the parsed flags describe; of `config` only names and types are used.

    Args:
      config: of the class wanted.
      flag_values: parsed ones; by default the program's.

    Raises:
      InputError: a number that is not finite.
    """
    values = {}
    for field in dataclasses.fields(config):
        value: Any = (flag_values or FLAGS)[field.name].value
        if isinstance(value, float) and not math.isfinite(value):  # no bound of absl stops a NaN
            raise InputError(f"--{field.name}={value}: expected a finite number")
        is_tuple = isinstance(getattr(config, field.name), tuple)
        values[field.name] = tuple(value) if is_tuple else value
    return dataclasses.replace(config, **values)


def parse(argv: list[str]) -> list[str]:
    """A `flags_parser` for absl's `app.run`, for a program whose flags are all defined.

    Raises:
      InputError: anything wrong with the flags; the text names the flag.
    """
    return _parsed(argv, "")


def parse_with_names(argv: list[str]) -> list[str]:
    """The same for a program that is given names beside its flags; raises alike.

    Returns:
      The program's own name, and then those.
    """
    return _parsed(argv, "", names=True)


def parse_for_model(argv: list[str], options: Any) -> list[str]:
    """The same for a program with `--model`: first define what the chosen model has.

    Args:
      argv: the command line.
      options: a config with the flags that every model has.

    Raises:
      InputError: anything wrong with the flags; the text names the flag.
    """
    peek = flags.FlagValues()
    flags.DEFINE_string("model", FLAGS["model"].default, "", flag_values=peek)
    try:
        peek(FLAGS.read_flags_from_files(argv, force_gnu=True), known_only=True)
    except (flags.Error, *NO_FLAG_FILE) as error:
        raise InputError(_one_line(error)) from error
    module = models.load(peek.model)
    define(module.Config(), f"--model={peek.model}")  # --helpfull groups them by these names
    define(options, helping.EVERY_MODEL)
    return _parsed(argv, peek.model)


def _parsed(argv: list[str], model: str, names: bool = False) -> list[str]:
    for flag in [*FLAGS.flags_by_module_dict().get("absl.testing.absltest", [])]:
        delattr(FLAGS, flag.name)  # TensorFlow imports a test library, whose flags are not ours
    try:
        rest = FLAGS(argv)
    except flags.UnrecognizedFlagError as error:
        raise InputError(_about_unknown(error.flagname, model)) from error
    except (flags.Error, *NO_FLAG_FILE) as error:
        raise InputError(_one_line(error)) from error
    if len(rest) > 1 and not names:
        raise InputError(f"{rest[1]!r} is not a flag; flags look like --steps=1000")
    return rest


def _one_line(error: Exception) -> str:
    told = " ".join(str(error).split())
    return told if isinstance(error, flags.Error) else f"--flagfile: cannot be read: {told}"


def as_text(model: str, *configs: Any, leave_out: Collection[str] = ()) -> str:
    """A flag file that repeats the run.

    Args:
      model: its name.
      configs: whose fields are written.
      leave_out: names of fields that are not.
    """
    lines = ["# flags of a training; repeat it with --flagfile=THIS_FILE", f"--model={model}"]
    for config in configs:
        for field in dataclasses.fields(config):
            value = getattr(config, field.name)
            if field.name in leave_out:
                continue
            if isinstance(value, bool):
                lines.append(f"--{'' if value else 'no'}{field.name}")
            elif isinstance(value, tuple):
                lines.append(f"--{field.name}={','.join(map(str, value))}")
            else:
                lines.append(f"--{field.name}={value}")
    return "\n".join(lines) + "\n"


def numbers(name: str, kind: type) -> list:
    """The numbers of a flag of `DEFINE_list`, none where it has no value.

    Args:
      name: of the flag.
      kind: int or float.

    Raises:
      InputError: something else stands there.
    """
    words = FLAGS[name].value or []
    try:
        return [kind(word) for word in words]
    except ValueError as error:
        text = ",".join(words)
        raise InputError(f"--{name}={text}: expected numbers separated by commas") from error


def seeds(name: str) -> list[int]:
    """The same of seeds: different ones, none below 0; raises alike."""
    found = numbers(name, int)
    if min(found, default=0) < 0 or len(set(found)) < len(found):
        text = ",".join(map(str, found))
        raise InputError(f"--{name}={text}: expected different numbers, none below 0")
    return found


def _about_unknown(name: str, model: str) -> str:
    owners = [other for other in models.names() if name in _fields(other)] if model else []
    if owners:
        return f"--{name}: not a flag of --model={model}, but of {', '.join(owners)}"
    near = difflib.get_close_matches(name, list(FLAGS), 1, 0.5)
    suggestion = f"did you mean --{near[0]}?" if near else "see --helpfull"
    return f"--{name}: there is no such flag; {suggestion}"


def _fields(model: str) -> set[str]:
    return {field.name for field in dataclasses.fields(models.load(model).Config)}
