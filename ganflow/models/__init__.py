"""One file a model; this folder is the registry. A model knows nn and interface, and no other.

The engine knows these names of a model file, and no others:

    Config               frozen dataclass: the only source of defaults; its fields become flags
    Gan(config, fields, rng)   fields: shapes and classes of the data set's, see `interface.fields`
      .networks          {"generator": {name: Variable}, ...}; a shared Variable stands in both, a
                         frozen network in the list of no optimizer
      .schedule()        when which update runs, and what a step consumes: `interface.schedule`
      .samplers()        what can be drawn, shown and judged: `interface.sampler`

An update is a method, `d_step(batch)`: it takes its gradients over its own list of variables, moves
them, and returns scalars; D's targets it reads from `self.config`. `Gan` raises a ValueError of one
line, "trains on ...", where it cannot train on the data.
"""

import difflib
import importlib
import importlib.util
import pkgutil
import sys
import types
from pathlib import Path

from ganflow.base import hints
from ganflow.base.errors import InputError
from ganflow.storage import cache


def names() -> list[str]:
    """Every model in the folder."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load(name: str) -> types.ModuleType:
    """The module of a model: one of `names()`, or a file of the user's own, "path/to/mine.py".

    Raises:
      InputError: there is no such model, or its file cannot be imported.
    """
    importlib.import_module("ganflow.base.quiet")  # before the model imports TensorFlow
    if name.endswith(".py"):
        module = _load_file(Path(name))
        remember(module)
        return module
    if name not in names():
        near = difflib.get_close_matches(name, names(), 1, 0.3)
        suggestion = f"did you mean {near[0]}? " if near else ""
        raise InputError(f"--model={name}: {suggestion}there are: {', '.join(names())}")
    return importlib.import_module(f"{__name__}.{name}")


def load_recorded(name: str) -> types.ModuleType:
    """The same of a name that stands in a file, as in a checkpoint's manifest.

    To load a model is to run its file, and a workdir may be a stranger's: so a file is taken only
    if this user has named it on a command line before.

    Raises:
      InputError: as `load`, or a file that has not been named.
    """
    if name.endswith(".py") and Path(name).resolve() not in cache.own_models():
        _check_there(Path(name))
        raise InputError(
            f"--model={name}: a checkpoint names this file as its model, and to load it would run "
            f"it; if you trust it, say so once: {hints.command('describe')} --model={name}"
        )
    return load(name)


def reference(module: types.ModuleType) -> str:
    """What `load` takes to give this module again."""
    package, _, name = module.__name__.rpartition(".")
    return name if package == __name__ else str(Path(module.__file__ or name).resolve())


def remember(module: types.ModuleType) -> None:
    """Note of a file of the user's own that the user has run it; see `load_recorded`."""
    name = reference(module)
    if name.endswith(".py"):
        cache.remember_model(Path(name))


def file_of(name: str) -> Path:
    """The file that `load` takes for this name; it need not be there."""
    return Path(name) if name.endswith(".py") else Path(__path__[0], f"{name}.py")


def _load_file(path: Path) -> types.ModuleType:
    _check_there(path)
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec and spec.loader  # for a path that ends in .py there always are
    module = importlib.util.module_from_spec(spec)
    if (beside := str(path.resolve().parent)) not in sys.path:
        sys.path.append(beside)  # for modules of the user's own that it imports
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # whatever the user's file raises
        raise InputError(f"--model={path}: cannot be imported: {error}") from error
    for wanted in ("Config", "Gan"):
        if not hasattr(module, wanted):
            raise InputError(f"--model={path}: has no {wanted}; copy a file of ganflow/models")
    return module


def _check_there(path: Path) -> None:
    if not path.is_file():
        raise InputError(f"--model={path}: there is no such file")
