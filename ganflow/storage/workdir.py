"""A run's folder: who may write in it, its flags, its figures.

WORKDIR/flags.txt       the resolved flags; `--flagfile=WORKDIR/flags.txt` repeats the run
        metrics.jsonl   one JSON object a summary
        checkpoints/    see `ganflow.storage.checkpoints`
        train/          TensorBoard's events
        trial/          the run's row in its HParams tab
        samples.png     generated beside real, from the same z at every summary
        losses.png      the curves, drawn when a run ends
        .lock           held by the one process that writes
"""

import contextlib
import errno
import fcntl
import io
import json
import os
import re
import shutil
import stat
import time
from collections.abc import Iterator
from pathlib import Path

from absl import logging

from ganflow.base.errors import BusyError, InputError, StorageError
from ganflow.storage import reading


@contextlib.contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a failed write below `path` into one line that names it."""
    try:
        yield
    except OSError as error:
        raise StorageError(
            f"{error.filename or path}: cannot write: {error.strerror or error}; make room, then "
            "run the same command again"
        ) from error


def plain(error: Exception) -> str:
    """The first line of a TensorFlow error, without the names of its own functions."""
    message = getattr(error, "message", None) or str(error)
    return re.sub(r"^\{\{.*?\}\} | \[Op:.*\]$", "", message.splitlines()[0])


def make(workdir: Path) -> Path:
    """Make the folder, if it is not there, and return it.

    Raises:
      InputError: it cannot be made.
    """
    with _usable(workdir):
        workdir.mkdir(parents=True, exist_ok=True)
    return workdir


@contextlib.contextmanager
def _usable(workdir: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise InputError(
            f"--workdir={workdir}: cannot be used: {error.strerror}; choose a folder you can "
            "write in"
        ) from error


@contextlib.contextmanager
def locked(workdir: Path) -> Iterator[None]:
    """Hold the folder against a second writer; the kernel lets go when the process ends.

    Raises:
      BusyError: another process holds it.
      InputError: the folder cannot be made, entered or locked.
    """
    make(workdir)
    with _usable(workdir):
        lock = _open_lock(workdir / ".lock")
    with lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            owner = lock.read(_PID_BYTES).strip()
            raise BusyError(
                f"--workdir={workdir}: process {owner.decode() if owner.isdigit() else 'unknown'} "
                "is writing here; stop it, or choose another --workdir"
            ) from error
        except OSError as error:  # a file system without locks, or whose server does not answer
            raise InputError(
                f"--workdir={workdir}: cannot be locked ({error.strerror}); choose a folder on "
                "another file system"
            ) from error
        with contextlib.suppress(OSError):  # on a full disk the lock still holds, unnamed
            lock.truncate(0)
            lock.write(str(os.getpid()).encode())
        for leftover in workdir.glob(".*.partial"):  # `write_whole` of a run that was killed
            if re.fullmatch(r"\..+\.\d+\.partial", leftover.name) and not leftover.is_dir():
                leftover.unlink(missing_ok=True)
        _held[workdir] = os.fstat(lock.fileno()).st_ino
        try:
            yield
        finally:
            del _held[workdir]


_PID_BYTES = 20
_held: dict[Path, int] = {}  # folders that this process has locked, and their locks' inodes


def _open_lock(path: Path) -> io.FileIO:
    """Open the lock, or make it; never what a link leads to, for it is written to.

    Raises:
      OSError: it is something else than a file, or the folder cannot be written.
    """
    made = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
    try:
        descriptor = os.open(path, made, 0o666)
    except OSError as error:
        if path.is_symlink() or path.exists() and not path.is_file():
            raise OSError(error.errno, _NO_LOCK, str(path)) from error
        raise
    # Without a buffer, for what a full disk has not taken would be written again when it is closed.
    lock = os.fdopen(descriptor, "r+b", buffering=0)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        lock.close()
        raise OSError(errno.EINVAL, _NO_LOCK, str(path))
    return lock


_NO_LOCK = "its .lock is no file; delete it"


def refuse_lost(workdir: Path) -> None:
    """Hold a folder that this process has locked against what is there by now.

    Raises:
      StorageError: it was deleted, renamed or replaced; what is there may be another process's.
    """
    inode = _held.get(workdir)
    try:
        is_lost = inode is not None and os.stat(workdir / ".lock").st_ino != inode
    except OSError:
        is_lost = True
    if is_lost:
        raise StorageError(
            f"{workdir}: was deleted, renamed or replaced during this run, which cannot write "
            "there any more; put it back, then run the same command again"
        )


def write_whole(path: Path, data: bytes) -> None:
    """Write a file so that it is there whole or not at all: temporary name, fsync, rename."""
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with storage_errors(path):
        try:
            with open(partial, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(partial, path)
        finally:
            partial.unlink(missing_ok=True)


@contextlib.contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """A folder to fill that takes its place when all is well, and is deleted otherwise.

    Args:
      path: where it shall be; nothing is there, or an empty folder.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with storage_errors(path):
        try:
            shutil.rmtree(partial, ignore_errors=True)  # of a killed process of the same number
            partial.mkdir()
            yield partial
            os.replace(partial, path)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def set_aside(workdir: Path) -> Path | None:
    """Move everything in the folder into a new `previous-N`, for `--fresh`: nothing is deleted.

    Returns:
      The new folder, or None where there was nothing to move.
    """
    kept = [p for p in workdir.iterdir() if p.name != ".lock" and "previous-" not in p.name]
    if not kept:
        return None
    taken = [p.name.removeprefix("previous-") for p in workdir.glob("previous-*")]
    number = 1 + max((int(n) for n in taken if n.isdecimal()), default=0)
    aside = workdir / f"previous-{number}"
    with storage_errors(aside):
        aside.mkdir()
        for path in kept:
            path.rename(aside / path.name)
    return aside


class Metrics:
    """`metrics.jsonl`: one JSON object a summary, in the order of steps.

    A damaged file stops no run: what a run is, its checkpoint says.
    """

    def __init__(self, workdir: Path):
        self.path = workdir / "metrics.jsonl"

    def rows(self) -> list[dict]:
        """All whole rows; a last one that a kill cut short is left out, and so is what is none."""
        return self._read()[0]

    def keep_until(self, step: int) -> None:
        """Drop the rows after `step`: a run resumed from there writes them again.

        A file with anything in it that is no row is set aside, which is logged; its rows stay. A
        link is replaced by a file, so that nothing is added to what it leads to.
        """
        rows, damage = self._read()
        kept = [row for row in rows if row["step"] <= step]
        if damage:
            with storage_errors(self.path):
                aside = reading.set_aside(self.path)
            logging.warning(
                "%s: %s; kept as %s, and %d sound rows here", self.path, damage, aside, len(kept)
            )
        text = "".join(json.dumps(row) + "\n" for row in kept).encode()
        is_link = self.path.is_symlink()  # never of damage, which is set aside by now
        if text and damage or is_link or self.path.exists() and self.path.read_bytes() != text:
            write_whole(self.path, text)

    def append(self, row: dict) -> None:
        """Add one row and hand it to the disk."""
        refuse_lost(self.path.parent)
        with storage_errors(self.path), open(self.path, "a") as file:
            file.write(json.dumps(row) + "\n")

    def _read(self) -> tuple[list[dict], str]:
        """The rows, and what is wrong with the first line that is none; "" where all are."""
        if not os.path.lexists(self.path):
            return [], ""
        rows, damage = [], ""
        try:
            with reading.regular(self.path, _LOG_BYTES) as file:
                number = 0
                while line := file.readline(_ROW_BYTES):
                    number += 1
                    row = _row(line)
                    if row is not None:
                        rows.append(row)
                    elif line.endswith(b"\n") or len(line) == _ROW_BYTES:  # else a kill cut it
                        damage = damage or f"line {number:,} is no row of figures"
        except OSError as error:
            damage = damage or str(error.strerror)
        return rows, damage


_LOG_BYTES, _ROW_BYTES = 1 << 32, 1 << 22  # a row of the largest model has some 100 KB


def _row(line: bytes) -> dict | None:
    """A line's row: an object with a step, of numbers, texts and lists of texts; else None."""
    try:
        row = json.loads(line.decode())
    except (ValueError, RecursionError):  # of JSON, of UTF-8, of an int with too many digits
        return None
    if not isinstance(row, dict) or type(row.get("step")) is not int:
        return None
    sound = 0 <= row["step"] < 2**63 and all(map(_is_figure, row.values()))
    return row if sound else None


def _is_figure(value) -> bool:
    if isinstance(value, list):
        return all(isinstance(one, str) for one in value)
    # An int beyond all floats would be an OverflowError later.
    return isinstance(value, str | float) or (type(value) is int and abs(value) < 2**63)


class Rate:
    """Steps per second of wall time between two marks."""

    def __init__(self, step: int):
        self.step, self.time_seconds = step, time.perf_counter()

    def mark(self, step: int) -> float:
        """Steps per second since the last mark."""
        now = time.perf_counter()
        rate = (step - self.step) / max(now - self.time_seconds, 1e-9)
        self.step, self.time_seconds = step, now
        return rate
