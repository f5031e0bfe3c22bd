"""Files of a workdir as they may have become: damaged, exchanged, or somebody else's.

Only regular files are opened, for a pipe or a device would never end; and no more of one is read
than it can have by rights.
"""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO


@contextlib.contextmanager
def regular(path: Path, most_bytes: int) -> Iterator[BinaryIO]:
    """Open a file for reading.

    Args:
      path: of a file, or of a link to one.
      most_bytes: a larger one is not opened.

    Raises:
      OSError: there is none, it is something else (a folder, a pipe, a device), or it is larger.
    """

    def without_waiting(name: str, flags: int) -> int:
        """To open a pipe otherwise waits for whoever writes into it."""
        return os.open(name, flags | os.O_NONBLOCK)

    with open(path, "rb", opener=without_waiting) as file:
        about = os.fstat(file.fileno())
        if not stat.S_ISREG(about.st_mode):
            raise OSError(errno.EINVAL, "is not a regular file", str(path))
        if about.st_size > most_bytes:
            raise OSError(
                errno.EFBIG,
                f"has {about.st_size:,} bytes, expected {most_bytes:,} or less",
                str(path),
            )
        yield file


def set_aside(path: Path) -> Path:
    """Rename what cannot be used to `NAME.damaged-N`, and return that; nothing is deleted.

    Raises:
      OSError: the folder cannot be written.
    """
    taken = [p.name.rpartition("-")[2] for p in path.parent.glob(f"{path.name}.damaged-*")]
    number = 1 + max((int(n) for n in taken if n.isascii() and n.isdecimal()), default=0)
    aside = path.with_name(f"{path.name}.damaged-{number}")
    path.rename(aside)
    return aside
