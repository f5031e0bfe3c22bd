"""ganflow with a piece of its code replaced, to see that the cases notice.

A promise that no case can find broken has not been tried.
"""

import contextlib
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path


def replace(module_name: str, piece: str, by: str) -> dict[str, object]:
    """Run a module's source anew with `by` in the place of `piece`.

    Other modules that have imported a function or a class of it by name are given the new one.

    Returns:
      What the module had before, by name.

    Raises:
      ValueError: the piece is not there exactly once.
    """
    module = importlib.import_module(module_name)
    path = Path(module.__file__)
    source = path.read_text()
    if source.count(piece) != 1:
        raise ValueError(f"{path}: has this piece {source.count(piece)} times: {piece}")
    before = dict(vars(module))
    exec(compile(source.replace(piece, by), str(path), "exec"), vars(module))
    _hand_out(before, vars(module))
    return before


@contextlib.contextmanager
def replaced(module_name: str, piece: str, by: str) -> Iterator[None]:
    """The same for a while."""
    before = replace(module_name, piece, by)
    space = vars(importlib.import_module(module_name))
    try:
        yield
    finally:
        changed = dict(space)
        space.clear()
        space.update(before)
        _hand_out(changed, before)


def _hand_out(old: dict[str, object], new: dict[str, object]) -> None:
    """Put the new functions and classes wherever the old ones were imported by name."""
    renewed = {
        id(value): new[name]
        for name, value in old.items()
        if name in new
        and new[name] is not value
        and getattr(value, "__module__", "") == old["__name__"]
    }
    for module in [m for name, m in sys.modules.items() if name.startswith("ganflow")]:
        for name, value in list(vars(module).items()):
            if id(value) in renewed:
                setattr(module, name, renewed[id(value)])
