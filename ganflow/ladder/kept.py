"""Results of cells in one file, a line each: they outlast the folders in which they were trained.

A line counts for as long as the cell's settings are what they were then; where they have changed it
is passed over, and said to be.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from absl import logging

from ganflow.base.errors import InputError
from ganflow.storage import workdir

_NAMES = ("figures", "failed", "seconds", "date", "diagnosed")


def digest(settings: Any) -> str:
    """What a result is of, in 16 characters, from anything that JSON can hold."""
    return hashlib.sha256(json.dumps(settings, sort_keys=True).encode()).hexdigest()[:16]


def read(path: Path) -> dict[str, dict]:
    """The lines by their cells' names; none where there is no file.

    Raises:
      InputError: a line that is none of `add`'s.
    """
    found = {}
    lines = path.read_text().splitlines() if path.exists() else []
    for number, line in enumerate(lines, 1):
        try:
            row = json.loads(line)
            found[row["cell"]] = {name: row[name] for name in ("settings", *_NAMES)}
        except (ValueError, TypeError, KeyError) as error:
            raise InputError(f"{path}, line {number}: not the result of a cell") from error
    return found


def of_these(work: Sequence[Any], path: Path, settings: Callable[[Any], Any]) -> dict[str, dict]:
    """What the file has of some work, as it is set now.

    Args:
      work: cells, or whatever has their names.
      path: the file.
      settings: of one of them, as JSON has them.

    Raises:
      InputError: as `read`.
    """
    known, found = read(path), {}
    for one in work:
        if one.name not in known:
            continue
        if known[one.name]["settings"] == digest(settings(one)):
            found[one.name] = known[one.name]
        else:
            logging.warning("%s: %s is of other settings: passed over", path, one.name)
    return found


def add(
    path: Path, work: Sequence[Any], results: Mapping[str, dict], settings: Callable[[Any], Any]
) -> None:
    """Write the file whole, with these results in the place of what it had of the same cells.

    Raises:
      InputError: as `read`.
      StorageError: it cannot be written.
    """
    rows = read(path)
    for one in work:
        if one.name in results:
            of = {"settings": digest(settings(one))}
            rows[one.name] = of | {name: results[one.name].get(name) for name in _NAMES}
    lines = [json.dumps({"cell": name} | rows[name]) for name in sorted(rows)]
    workdir.write_whole(path, "".join(f"{line}\n" for line in lines).encode())
