"""Generative adversarial networks in plain TensorFlow: every weight explicit, every step readable.

    run = ganflow.build("simple", dataset="digits")   # a model on its data
    norms = run.advance(10)                           # ten steps; gradients' norms by name
    ganflow.picture(run, "samples.png")

`ganflow.models`, `ganflow.nn` and the other packages are imported when they are first asked for,
and TensorFlow with them, without its start-up chatter.

Imports go downwards only, each package's from those before it:

    base < workers < storage < nn < interface < data < models < pictures < trained < judging
    < explore < summaries < cli < engine < ladder < gates < lab < export < programs
"""

import importlib
from typing import Any

_AT_PROMPT = ("build", "picture")
# They do without TensorFlow, as long as they can, or import it quietly themselves.
_LIGHT = ("base", "cli", "data", "models", "programs", "storage", "workers")


def __getattr__(name: str) -> Any:
    """A package of ours, or a function of `engine.prompt`, imported on demand."""
    if name.startswith("_"):
        raise AttributeError(name)
    if name not in _LIGHT:
        importlib.import_module("ganflow.base.quiet")
    if name in _AT_PROMPT:
        return getattr(importlib.import_module("ganflow.engine.prompt"), name)
    try:
        return importlib.import_module(f"ganflow.{name}")
    except ModuleNotFoundError as error:
        if error.name != f"ganflow.{name}":
            raise
        raise AttributeError(f"module 'ganflow' has no attribute {name!r}") from None
