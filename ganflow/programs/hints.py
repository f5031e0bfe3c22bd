"""Commands to type next, written as they work from where one stands."""

import os
import shlex
import shutil
import sys
from pathlib import Path


def command(program: str) -> str:
    """How to start a program, in the way the present one was started.

    Args:
      program: `train`, `sample`, ...

    Returns:
      "python bin/sample.py" after `bin/train.py`, "ganflow-sample" after `ganflow-train`; with
      folders where they are needed.
    """
    started = Path(sys.argv[0])
    if started.suffix == ".py":
        script = os.path.relpath(started.with_name(f"{program}.py"))
        return f"{_typed(Path(sys.executable))} {shlex.quote(script)}"
    return _typed(started.with_name(f"ganflow-{program}"))


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


def _typed(path: Path) -> str:
    """The name alone where the shell's PATH leads to this very file, else the way from here."""
    found = shutil.which(path.name)
    if found and os.path.abspath(found) == os.path.abspath(path):
        return path.name
    return shlex.quote(min(os.path.relpath(path), os.path.abspath(path), key=len))
