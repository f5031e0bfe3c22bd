"""Small disks of a test's own, which are soon full."""

import contextlib
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path


class NoMount(Exception):
    """Why no disk can be mounted here."""


@contextlib.contextmanager
def small_disk(size_kb: int) -> Iterator[Path]:
    """A folder on a file system of its own.

    Raises:
      NoMount: there is no mount command, or no right to use it.
    """
    folder = Path(tempfile.mkdtemp())
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size_kb}k", "tmpfs", str(folder)]
    try:
        done = subprocess.run(mount, capture_output=True, text=True)
    except FileNotFoundError:
        folder.rmdir()
        raise NoMount("there is no mount command here to make a small disk with") from None
    if done.returncode != 0:
        folder.rmdir()
        raise NoMount(f"a small disk needs the right to mount: {done.stderr.strip()}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
        folder.rmdir()


def fill(disk: Path, leave_kb: int) -> Path:
    """Fill a disk but for some room; the file that fills it, to be deleted."""
    filler = disk / "filler"
    free_kb = shutil.disk_usage(disk).free // 1024
    filler.write_bytes(bytes((free_kb - leave_kb) * 1024))
    return filler


def make_read_only(disk: Path, is_so: bool = True) -> None:
    """Mount a disk anew, so that not even root may write on it; or so that one may again."""
    mode = "ro" if is_so else "rw"
    subprocess.run(["mount", "-o", f"remount,{mode}", str(disk)], check=True)
