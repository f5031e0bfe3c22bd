"""What a program is doing, for whoever waits: a line on a terminal at once, or one of the log."""

import sys
from typing import TextIO

from absl import logging


@logging.skip_log_prefix  # the log names who called
def say(text: str) -> None:
    """Tell what begins now, and why it takes its time."""
    if not say_on_terminal(text):
        logging.info("%s", text)


def say_on_terminal(text: str) -> bool:
    """The same, but nothing where nobody looks on; returns whether somebody does."""
    screen = _terminal()
    if screen is not None:
        print(f"ganflow: {text}", file=screen, flush=True)
    return screen is not None


def _terminal() -> TextIO | None:
    """stderr where it is one, for results belong to stdout; else stdout where that is one."""
    return next((s for s in (sys.stderr, sys.stdout) if s is not None and s.isatty()), None)
