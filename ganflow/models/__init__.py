"""One file a model; this folder is the registry.

The engine knows these names of a model file, and no others:

    Config               frozen dataclass: the only source of defaults; its fields become flags
    CONFIG_FOR_POINTS    optional: the defaults where the data are points
    Gan(config, x_shape, rng)
      .batches()         what a step consumes: a list of dicts of `ganflow.draws`
      .d_step(batches)   D's updates of a step -> dict of scalars, and lists of gradients under
                         names that begin with d_gradient, in the order of `d_variables`
      .g_step(batches)   G's updates, likewise
      .train_step(batches)   both: one step
      .phases()          optional: [(count, name of a step)], over and over, instead of train_step
      .latent()          what `sample` is given
      .sample(z)         images in [-1, 1], or points
      .score(x)          D's output before any sigmoid on such examples, without dropout
      .scores_are_logits whether a score above 0 means "real"
      .g_loss(fake)      G's loss on such examples
      .networks()        {name: (weights, call on one example)}, G's first, for `bin/describe.py`
"""

import difflib
import importlib
import pkgutil
import types

from ganflow.errors import InputError


def names() -> list[str]:
    """Every model in the folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> types.ModuleType:
    """The module of a model.

    Raises:
      InputError: there is no such file.
    """
    if name not in names():
        near = difflib.get_close_matches(name, names(), 1, 0.3)
        suggestion = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"--model={name}: {suggestion}there are: {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")


def default_config(module: types.ModuleType, points: bool):
    """The source's settings for images or for points."""
    return getattr(module, "CONFIG_FOR_POINTS", module.Config()) if points else module.Config()
