"""The flag --step of the programs that read a workdir: a step, or the best."""

from pathlib import Path

from absl import logging

from ganflow.base.errors import InputError
from ganflow.judging import best

HELP = "a checkpoint by its step, or best: that of the best evaluation in training"


def asked(text: str | None, folder: Path) -> tuple[int | None, bool]:
    """What the flag asks for.

    Args:
      text: the flag; None where it is not given.
      folder: the workdir.

    Returns:
      (step, whether G's averaged weights were the best there); None for the step where none is
      asked for.

    Raises:
      InputError: neither a step nor "best", or a workdir without a best step.
    """
    if text is None:
        return None, False
    if text == "best":
        found = best.of_workdir(folder)
        logging.info("--step=best: %s", found)
        return found.step, found.averaged
    if not (text.isascii() and text.isdecimal()):
        raise InputError(f"--step={text}: expected a whole number from 0 on, or best")
    return int(text), False
