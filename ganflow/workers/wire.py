"""Messages between two workers: short JSON, and bytes, each whole or not at all.

`multiprocessing.connection` frames them. Nothing that arrives is unpickled, and no message is
longer than a bound.
"""

import contextlib
import json
import socket
from multiprocessing.connection import Connection
from typing import Any

MESSAGE_BYTES = 1 << 20
CHUNK_BYTES = 1 << 24
LOST = (EOFError, OSError)  # what a connection raises whose other end has gone


class StrangeError(Exception):
    """Something arrived that no worker sends."""


def connection(opened: socket.socket) -> Connection:
    """A socket's connection; the socket belongs to it from then on."""
    opened.settimeout(None)
    opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # an answer is waited for
    return Connection(opened.detach())


def send(link: Connection, *message: Any) -> None:
    """Send a list of JSON's values."""
    link.send_bytes(json.dumps(message).encode())


def receive(link: Connection, kind: str | None = None) -> list:
    """Wait for the next message.

    Args:
      link: where.
      kind: what its first entry has to be; it is then left out.

    Raises:
      StrangeError: something else came.
      EOFError, OSError: the other end has gone.
    """
    data = link.recv_bytes(MESSAGE_BYTES)
    try:
        message = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise StrangeError(f"{data[:80]!r}") from error
    if not isinstance(message, list) or not message or kind not in (None, message[0]):
        raise StrangeError(f"{data[:80]!r} in the place of {kind}")
    return message if kind is None else message[1:]


def try_to_send(link: Connection, *message: Any) -> None:
    """The same as `send`, but it does not matter whether anybody is there."""
    with contextlib.suppress(*LOST):
        send(link, *message)
