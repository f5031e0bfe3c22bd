"""Workers on one machine: started, watched, and none of them left behind."""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from typing import IO

from ganflow.base.errors import InputError, WorkersError
from ganflow.workers import cluster

GRACE_SECONDS = 8.0  # for the others to end once one has ended badly
_CAUGHT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
_PORTS = range(20_000, 32_000)  # below those that systems give to outgoing connections
_LIBC = ctypes.CDLL(None)
_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)


def command(words: Sequence[str]) -> list[str]:
    """What to start for `bin/train.py ...` (by this Python) or for `ganflow-train ...`.

    Raises:
      InputError: nothing to start.
    """
    if not words:
        raise InputError("nothing to start; give a command after --: -- bin/train.py --model=NAME")
    return [sys.executable, *words] if words[0].endswith(".py") else list(words)


def free_addresses(workers: int) -> list[str]:
    """Addresses on loopback for so many workers; the port before the first is free as well."""
    start = _PORTS.start + os.getpid() * 37 % (len(_PORTS) - workers - 1)
    for first in [*range(start, _PORTS.stop - workers), *range(_PORTS.start, start)]:
        if all(_is_free(port) for port in range(first, first + workers + 1)):
            return [f"127.0.0.1:{first + 1 + index}" for index in range(workers)]
    raise InputError(f"--workers={workers}: found no free ports for so many on this machine")


def _is_free(port: int) -> bool:
    with socket.socket() as tried:
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            tried.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def launch(words: Sequence[str], workers: int, environment: Mapping[str, str]) -> int:
    """Run a command in so many processes until all have ended.

    Each has the workers' addresses in `TF_CONFIG`; its output comes with its number in front.
    Signals are handed on. Where one ends badly, the others are given some seconds and then killed.

    Args:
      words: the command.
      workers: how many.
      environment: theirs, but for `TF_CONFIG`.

    Returns:
      0, or the first other exit code: 128 + N where a signal N ended a process. The 6 of those
      who say that another has gone gives way to that other's own.

    Raises:
      InputError: it cannot be started.
    """
    argv, addresses, processes = command(words), free_addresses(workers), []
    # From here on a signal is the workers' affair. Their sessions are their own, so that Ctrl-C
    # in a terminal reaches them through us alone, and once.
    old = {number: signal.signal(number, lambda n, _: _pass_on(processes, n)) for number in _CAUGHT}
    try:
        for index in range(workers):
            settings = {"TF_CONFIG": cluster.as_tf_config(addresses, index)} if workers > 1 else {}
            try:
                process = subprocess.Popen(
                    argv,
                    env={**environment, **settings},
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                    errors="replace",
                    start_new_session=True,
                    preexec_fn=_end_with_parent,
                )
            except OSError as error:
                raise InputError(f"{argv[0]}: cannot be started: {error.strerror}") from error
            processes.append(process)
        readers = [
            _copied(pipe, screen, f"[{index}] ")
            for index, process in enumerate(processes)
            for pipe, screen in ((process.stdout, sys.stdout), (process.stderr, sys.stderr))
        ]
        code = _watch(processes)
        for reader in readers:
            reader.join(1.0)
        return code
    finally:
        for process in processes:
            _kill(process)
        for number, handler in old.items():
            signal.signal(number, handler)


def _watch(processes: list[subprocess.Popen]) -> int:
    """Wait for the end of all; the first bad code."""
    first_bad, deadline = 0, float("inf")
    while None in (returned := [process.poll() for process in processes]):
        bad = [code for code in returned if code]
        if bad and not first_bad:
            first_bad, deadline = _code(bad[0]), time.monotonic() + GRACE_SECONDS
        if time.monotonic() > deadline:
            for process in processes:
                _kill(process)
        time.sleep(0.05)
    # One that ends because another has gone may be quicker than that other with its own reason.
    reasons = [code for code in returned if 0 < code < 128 and code != WorkersError.exit_code]
    if first_bad == WorkersError.exit_code and reasons:
        return reasons[0]
    return first_bad or max(map(_code, returned))


def _code(returned: int) -> int:
    return returned if returned >= 0 else 128 - returned


def _kill(process: subprocess.Popen) -> None:
    """The process with all that it has started."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)  # it leads a session of its own
    process.wait()


def _pass_on(processes: list[subprocess.Popen], number: int) -> None:
    for process in processes:
        if process.poll() is None:
            process.send_signal(number)


def _copied(pipe: IO[str] | None, screen: IO[str], prefix: str) -> threading.Thread:
    """A thread that copies line by line until the pipe's end."""

    def copy():
        for line in pipe or ():
            try:
                screen.write(prefix + line if line.endswith("\n") else f"{prefix}{line}\n")
                screen.flush()
            except (OSError, ValueError):  # nobody reads any more; the workers are to go on
                continue

    thread = threading.Thread(target=copy, daemon=True)
    thread.start()
    return thread


def _end_with_parent() -> None:
    """In the child: SIGTERM once the launcher has died, by whatever.

    With it the pipes are gone, so a worker may end by its next line before it has saved.
    """
    _LIBC.prctl(_SET_PARENT_DEATH_SIGNAL, signal.SIGTERM)
