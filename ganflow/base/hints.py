"""Commands to type next, written as they work from where one stands."""

import os
import shlex
import shutil
import sys
from collections.abc import Collection, Sequence
from pathlib import Path


def command(program: str) -> str:
    """How to start a program, in the way the present one was started.

    Args:
      program: `train`, `sample`, ...

    Returns:
      "python bin/sample.py" after `bin/train.py`, "ganflow-sample" after `ganflow-train` and
      whatever is none of our programs; with folders where they are needed.
    """
    started = Path(sys.argv[0])
    script = started.with_name(f"{program}.py")
    if started.suffix == ".py" and script.exists():
        return f"{_typed(Path(sys.executable))} {shlex.quote(os.path.relpath(script))}"
    if started.name.startswith("ganflow-"):
        return _typed(started.with_name(f"ganflow-{program}"))
    beside = Path(sys.executable).with_name(f"ganflow-{program}")
    return _typed(beside) if beside.exists() else beside.name


def tensorboard() -> str:
    """How to start the TensorBoard that belongs to this Python."""
    python = Path(sys.executable)
    beside = python.with_name("tensorboard")
    return _typed(beside) if beside.exists() else f"{_typed(python)} -m tensorboard.main"


def command_line() -> str:
    """The present command line, to be typed again."""
    started = Path(sys.argv[0])
    words = ["python", sys.argv[0]] if started.suffix == ".py" else [started.name]
    return shlex.join([*words, *sys.argv[1:]])


def again(program: str, leave_out: Collection[str] = (), added: Sequence[str] = ()) -> str:
    """The command that goes on with what the present one does.

    Args:
      program: the one that is running.
      leave_out: names of flags that it shall not have: switches, or ones whose value is a number.
      added: words at its end.
    """
    kept: list[str] = []
    value_follows = False
    for word in sys.argv[1:]:
        is_flag = word.startswith("-")
        name, equals, _ = word.lstrip("-").partition("=")
        left_out = is_flag and not {name, name.removeprefix("no")}.isdisjoint(leave_out)
        if not left_out and (is_flag or not value_follows):
            kept.append(word)
        value_follows = left_out and not equals
    return " ".join([command(program), *map(shlex.quote, [*kept, *added])])


def _typed(path: Path) -> str:
    """The name alone where the shell's PATH leads to this very file, else the way from here."""
    found = shutil.which(path.name)
    if found and os.path.abspath(found) == os.path.abspath(path):
        return path.name
    return shlex.quote(min(os.path.relpath(path), os.path.abspath(path), key=len))
