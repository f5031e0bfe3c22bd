"""What is kept for this user, over all runs: `$GANFLOW_CACHE`, else `~/.cache/ganflow`.

classifier folders     see `ganflow.judging.classifier_cache`
own_models.txt         files of models that this user has named on a command line, one a line
"""

import contextlib
import os
from pathlib import Path

from ganflow.base.errors import StorageError
from ganflow.storage import reading, workdir

_MOST_BYTES = 1 << 20


def folder() -> Path:
    """Where it is; it need not be there."""
    chosen = os.environ.get("GANFLOW_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "ganflow"


def own_models() -> list[Path]:
    """The files that `remember_model` was told, as far as they are still there."""
    try:
        with reading.regular(folder() / "own_models.txt", _MOST_BYTES) as file:
            lines = file.read().decode(errors="surrogateescape").splitlines()
    except OSError:
        return []
    return [path for line in lines if line and (path := Path(line)).is_file()]


def remember_model(path: Path) -> None:
    """Note that this user has chosen to run a model's file.

    Where it cannot be noted nothing is lost: whoever loads one of its runs is asked again.
    """
    path, known = path.resolve(), own_models()
    if path not in known:
        text = "".join(f"{one}\n" for one in [*known[-999:], path])
        with contextlib.suppress(OSError, StorageError):
            folder().mkdir(parents=True, exist_ok=True)
            workdir.write_whole(folder() / "own_models.txt", text.encode(errors="surrogateescape"))
