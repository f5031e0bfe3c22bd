"""From an address to the end: a socket, one line that says where, and a clean end."""

import contextlib
import os
import secrets
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future

from werkzeug.serving import WSGIRequestHandler, make_server

from ganflow.base.errors import InputError
from ganflow.cli.command import Signals
from ganflow.lab.web.bench import Bench
from ganflow.lab.web.server import Server
from ganflow.lab.web.setting import Setting
from ganflow.lab.web.trainer import Trainer


def listening(host: str, port: int) -> socket.socket:
    """A socket that listens there.

    Raises:
      InputError: the address is in use, or none of this machine's.
    """
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        found = socket.socket(family, kind)
    except OSError as error:
        raise InputError(f"--host={host}: {error.strerror}; 127.0.0.1 is this machine") from error
    try:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        found.bind(address)
        found.listen(64)
    except OSError as error:
        found.close()
        raise InputError(
            f"--port={port}: cannot listen on {host}: {error.strerror}; choose another, or 0 for "
            "a free one"
        ) from error
    return found


def serve(setting: Setting, host: str, port: int, say: Callable = print) -> int:
    """Hold the lab until Ctrl-C, SIGTERM or SIGHUP; the exit code.

    Args:
      setting: what is shown first.
      host: the address to listen on.
      port: 0 for a free one.
      say: takes the one line with the address.

    Raises:
      InputError: the address cannot be listened on, or the setting cannot be built.
    """
    _work_in_long_turns()
    with listening(host, port) as sock:
        port = sock.getsockname()[1]
        token = secrets.token_urlsafe(16)
        built: Future[Trainer] = Future()  # a large model takes some ten seconds, and the page none
        app = Server(built, token, host, port)
        web = make_server(
            host, port, app, threaded=True, request_handler=_Handler, fd=sock.fileno()
        )
        threading.Thread(target=web.serve_forever, name="web", daemon=True).start()
        try:
            shown = f"[{host}]" if ":" in host else host
            say(f"the lab is at http://{shown}:{port}/{token}/ until Ctrl-C")
            trainer = Trainer(setting, Bench(setting))
            with Signals("ending at the next step boundary") as signals:
                try:
                    trainer.start()
                    built.set_result(trainer)
                    while trainer.is_alive() and not signals.asked():
                        time.sleep(0.1)
                finally:
                    trainer.close()
        finally:
            web.shutdown()
            web.server_close()
    if trainer.failed is not None:
        raise trainer.failed
    return 128 + (signals.received or 0)


def _work_in_long_turns() -> None:
    """Have what this thread and those it starts compute be interrupted less.

    Beside a browser that draws `circle` on the same two cores, training in two threads kept .40 to
    .47 of its speed this way, and .24 to .33 in the system's usual turns (`benchmarks/lab.py
    --chromium`).
    """
    if hasattr(os, "SCHED_BATCH"):  # of Linux
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))


class _Handler(WSGIRequestHandler):
    """Connections are kept, for a page asks 25 times a second; nothing is logged."""

    protocol_version = "HTTP/1.1"
    timeout = 30  # seconds that a connection may be silent

    def log(self, type: str, message: str, *args) -> None:
        """Nothing: the address holds the token."""

    def version_string(self) -> str:
        """Whose server it is."""
        return "ganflow"
