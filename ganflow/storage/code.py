"""The code of a run's model: hashes of its file and of all project files that it imports.

A checkpoint's manifest holds them, so that a resume notices that a loss is another one by now.
Comments, docstrings and formatting do not count. Imports are read from the sources, and nothing is
imported: those of ganflow's own modules and, of a user's model file, of modules beside it.
"""

import ast
import functools
import hashlib
from collections.abc import Iterator
from pathlib import Path

from absl import logging

from ganflow.base.errors import InputError

_HOUSE = Path(__file__).resolve().parents[1]
_TOLD_FILES = 3
_NO_CODE = ("ctx", "kind", "type_comment", "type_ignores")  # of a node's fields


def hashes(model: Path) -> dict[str, str]:
    """SHA-256 of the code of a model's file and of every project file it imports, transitively.

    Args:
      model: the file.

    Returns:
      By name, the model's own first: "ganflow/nn/losses.py", or relative to the model's folder.
      Empty where there is no such file: of a module that was made in memory.
    """
    model = model.resolve()
    if not model.is_file():
        return {}
    found: dict[str, str] = {}
    waiting = [model]
    for path in waiting:  # which grows
        place = _HOUSE.parent if path.is_relative_to(_HOUSE) else model.parent
        name = path.relative_to(place)
        if name.as_posix() in found:
            continue
        source = path.read_bytes()
        try:
            tree = ast.parse(source)
        except (SyntaxError, ValueError):  # beside the model, and nothing that Python has read
            found[name.as_posix()] = hashlib.sha256(source).hexdigest()
            continue
        text, imports = _read(tree)
        found[name.as_posix()] = hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
        for module in _named(imports, package=name.parts[:-1]):
            if module[0] == _HOUSE.name:
                waiting += _files(_HOUSE.parent, module)
            elif not model.is_relative_to(_HOUSE):
                waiting += _files(model.parent, module)
    return found


def hold_against(manifest: dict, now: dict[str, str], folder: Path, allow_changed: bool) -> None:
    """Hold the code of a run that is to go on against that of its checkpoint.

    Args:
      manifest: of the checkpoint.
      now: see `hashes`.
      folder: the workdir, for the message.
      allow_changed: go on all the same, with a warning.

    Raises:
      InputError: the code is another; the files are named.
    """
    step = manifest["step"]
    if "code" not in manifest:
        logging.info(
            "step %d: its checkpoint holds no hashes of the model's code: not compared", step
        )
        return
    if not (changed := _changed(manifest["code"], now)):
        return
    if not allow_changed:
        raise InputError(
            f"--workdir={folder}: the model's code is not that of its checkpoint of step {step}: "
            f"{changed}; give --allow_changed_code to go on with the code as it is now, --fresh, "
            "or another --workdir"
        )
    logging.warning("--allow_changed_code: from step %d on with other code: %s", step, changed)


def warn_of_change(manifest: dict, model: Path, folder: Path) -> None:
    """Log one line where a workdir is read by other code than wrote it, once for each workdir.

    Args:
      manifest: of one of its checkpoints.
      model: the model's file as it is now.
      folder: the workdir, for the message.
    """
    now = hashes(model)
    if changed := _changed(manifest.get("code", now), now):
        _warn_once(f"--workdir={folder}: the model's code is not that which was trained: {changed}")


@functools.cache
def _warn_once(line: str) -> None:
    logging.warning("%s", line)


def _changed(old: dict[str, str], new: dict[str, str]) -> str:
    """Which files differ or are on one side alone, in words; "" for none."""
    names = [name for name in dict.fromkeys([*new, *old]) if old.get(name) != new.get(name)]
    told, more = names[:_TOLD_FILES], len(names) - _TOLD_FILES
    verb = "has" if len(names) == 1 else "have"
    and_more = f" and {more} more" if more > 0 else ""
    return f"{', '.join(told)}{and_more} {verb} changed" if names else ""


# ---------------------------------------------------------------- reading sources


def _read(tree: ast.Module) -> tuple[str, list[ast.Import | ast.ImportFrom]]:
    """A source's code as text, and its imports, wherever they stand.

    `ast.unparse` and `ast.dump` say the same in other words from one Python to the next, and take
    thrice the time.
    """
    told: list[str] = []
    imports: list[ast.Import | ast.ImportFrom] = []
    waiting: list = [tree]  # of (text,), nodes, lists of nodes, names, constants; a stack
    while waiting:
        item = waiting.pop()
        if isinstance(item, tuple):
            told.append(item[0])
        elif isinstance(item, list):
            waiting += [("]",), *reversed(item), ("[",)]
        elif not isinstance(item, ast.AST):
            told.append(repr(item))
        elif not _is_text(item):
            if isinstance(item, ast.Import | ast.ImportFrom):
                imports.append(item)
            told.append(type(item).__name__)
            waiting.append((")",))
            for field in reversed(item._fields):
                value = getattr(item, field, None)
                if value is not None and value != [] and field not in _NO_CODE:
                    waiting += [value, (field,)]
            waiting.append(("(",))
    return " ".join(told), imports


def _is_text(node: ast.AST) -> bool:
    """Whether a statement is a string that stands alone: a docstring."""
    return (
        isinstance(node, ast.Expr)
        and isinstance(node.value, ast.Constant)
        and isinstance(node.value.value, str)
    )


def _named(
    imports: list[ast.Import | ast.ImportFrom], package: tuple[str, ...]
) -> Iterator[tuple[str, ...]]:
    """What imports name, by parts: modules, packages, and things that may be modules.

    Args:
      imports: of one file.
      package: of the file.
    """
    for node in imports:
        if isinstance(node, ast.Import):
            yield from (tuple(alias.name.split(".")) for alias in node.names)
        else:
            above = package[: len(package) - node.level + 1] if node.level else ()
            start = above + tuple((node.module or "").split(".") if node.module else ())
            yield from ((*start, alias.name) for alias in node.names)


def _files(place: Path, module: tuple[str, ...]) -> list[Path]:
    """The files of a module and of the packages around it, as far as there are any."""
    found = []
    for count in range(1, len(module) + 1):
        path = place.joinpath(*module[:count])
        for file in (path / "__init__.py", path.with_name(f"{path.name}.py")):
            if file.is_file():
                found.append(file)
                break
    return found
