"""How the workers of a run find each other at its start, by a deadline.

The chief listens; every other worker connects twice, once to talk and once for the pulse. Who has
not come by the deadline is named by those who have.
"""

import contextlib
import dataclasses
import socket
import time
from multiprocessing.connection import Connection

from ganflow.base.errors import InputError, WorkersError
from ganflow.workers import wire
from ganflow.workers.cluster import Cluster

_HELLO_SECONDS = 2.0  # for a stranger that connects and says nothing
_MARGIN_SECONDS = 10.0  # the chief's deadline may be so much later than another worker's
_KINDS = ("talk", "pulse")


@dataclasses.dataclass(frozen=True)
class Links:
    """Connections to the other workers by their index: of the chief to all, of others to it."""

    talk: dict[int, Connection]
    pulse: dict[int, Connection]


def meet(cluster: Cluster, timeout_seconds: float) -> Links:
    """Wait until every worker is there.

    Raises:
      WorkersError: somebody has not come in time.
      InputError: the chief cannot listen; or the workers were given different addresses.
    """
    if cluster.index == 0:
        return _receive_all(cluster, timeout_seconds)
    return _go(cluster, timeout_seconds)


# ---------------------------------------------------------------- the chief


def _receive_all(cluster: Cluster, timeout_seconds: float) -> Links:
    host, port = cluster.meeting
    end = time.monotonic() + timeout_seconds
    links = Links({}, {})
    wanted = len(cluster.addresses) - 1
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        server = socket.create_server((host, port), family=family, backlog=2 * wanted + 8)
    except OSError as error:
        raise InputError(
            f"{cluster.name(0)}: cannot listen at {host}:{port}, the port before its own, where "
            f"the workers meet: {error.strerror}; give it another address"
        ) from error
    with server:
        while len(links.talk) < wanted or len(links.pulse) < wanted:
            server.settimeout(max(0.01, end - time.monotonic()))
            try:
                opened, _ = server.accept()
            except TimeoutError:
                _refuse_incomplete(cluster, links, timeout_seconds)
            _take(cluster, links, wire.connection(opened))
    for link in links.talk.values():
        wire.try_to_send(link, "begin")  # one that has gone meanwhile has no pulse
    return links


def _take(cluster: Cluster, links: Links, link: Connection) -> None:
    """Take a worker's connection; close a stranger's."""
    with contextlib.suppress(*wire.LOST, wire.StrangeError, ValueError, TypeError):
        if link.poll(_HELLO_SECONDS):
            index, kind, addresses = wire.receive(link, "hello")
            if addresses != list(cluster.addresses):
                wire.try_to_send(link, "other", list(cluster.addresses))
            elif kind in _KINDS and index in range(1, len(cluster.addresses)):
                of_kind = getattr(links, kind)
                if index in of_kind:  # it was started a second time, or its link broke
                    of_kind[index].close()
                of_kind[index] = link
                return
    link.close()


def _refuse_incomplete(cluster: Cluster, links: Links, timeout_seconds: float) -> None:
    there = links.talk.keys() & links.pulse.keys()
    missing = [cluster.name(i) for i in range(1, len(cluster.addresses)) if i not in there]
    line = _missing(missing, timeout_seconds)
    for link in links.talk.values():
        wire.try_to_send(link, "missing", line)
    raise WorkersError(line)


def _missing(names: list[str], timeout_seconds: float) -> str:
    verb = "is" if len(names) == 1 else "are"
    return (
        f"{'; '.join(names)} {verb} missing: not there after {timeout_seconds:.0f} s; start every "
        "worker, or give a larger --start_timeout_seconds"
    )


# ---------------------------------------------------------------- the others


def _go(cluster: Cluster, timeout_seconds: float) -> Links:
    end = time.monotonic() + timeout_seconds
    talk, pulse = (_introduced(cluster, kind, end, timeout_seconds) for kind in _KINDS)
    # The chief has begun to wait before this worker reached it.
    answer: list = ["silence"]
    with contextlib.suppress(*wire.LOST, wire.StrangeError):
        if talk.poll(timeout_seconds + _MARGIN_SECONDS):
            answer = wire.receive(talk)
    if answer[0] == "begin":
        return Links({0: talk}, {0: pulse})
    if answer[0] == "other":
        ours, theirs = ", ".join(cluster.addresses), ", ".join(map(str, answer[1]))
        raise InputError(
            f"worker {cluster.index}: was given the addresses {ours}, and the chief {theirs}; "
            "give all workers the same"
        )
    if answer[0] == "missing":
        raise WorkersError(str(answer[1]))
    raise WorkersError(f"{cluster.name(0)} has gone before all workers were there")


def _introduced(cluster: Cluster, kind: str, end: float, timeout_seconds: float) -> Connection:
    while True:
        left = end - time.monotonic()
        try:
            link = wire.connection(socket.create_connection(cluster.meeting, max(0.1, left)))
            wire.send(link, "hello", cluster.index, kind, list(cluster.addresses))
            return link
        except OSError as error:
            if left <= 0:
                host, port = cluster.meeting
                raise WorkersError(
                    f"{_missing([cluster.name(0)], timeout_seconds)} (no answer at {host}:{port}: "
                    f"{error.strerror or error})"
                ) from error
        time.sleep(0.1)
