"""What one worker asks and tells the others: a small conversation at the boundaries of calls.

All workers make the same calls in the same order. What depends on a clock, a signal, a file or the
chief's rows is therefore agreed on here. One process alone is a group as well, `ALONE`, which
agrees with itself.
"""

import contextlib
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from ganflow.base.errors import GanflowError, InputError, WorkersError
from ganflow.workers import wire
from ganflow.workers.cluster import Cluster
from ganflow.workers.meeting import Links, meet
from ganflow.workers.pulse import SILENCE_SECONDS, Pulse

_TOLD_LENGTH = 16  # characters of a value in a message: of a hash, the beginning
_NOTICE_SECONDS = SILENCE_SECONDS + 10.0  # until the pulse has found out who has gone
_CLOSING_SECONDS = 10.0  # for the others to end once the chief has


class Group:
    """All workers of a run, as one of them sees them."""

    def __init__(self, cluster: Cluster | None, links: Links, pulse: Pulse):
        self.cluster = cluster
        self.size = len(cluster.addresses) if cluster else 1
        self.is_chief = cluster is None or cluster.index == 0
        self._talk, self._pulse = links.talk, pulse

    def agree(self, *values: int) -> list[int]:
        """The largest that any worker gives, place by place: the same list in all of them."""
        if self.is_chief:
            given = [self._receive(link, "agree") for link in self._talk.values()]
            agreed = [max(each) for each in zip(values, *given, strict=True)]
            self._send("agree", *agreed)
            return agreed
        self._send("agree", *values)
        return self._receive(self._talk[0], "agree")

    def compare(self, told: Mapping[str, str], remedy: str) -> None:
        """Hold what each worker was given against the chief's.

        Args:
          told: by name, as it stands in the message: {"--batch_size": "100"}.
          remedy: what to do about a difference.

        Raises:
          InputError: a worker has something else; in all of them, with one line.
        """
        line = ""
        if self.is_chief:
            for index, link in self._talk.items():
                (theirs,) = self._receive(link, "compare")
                if different := _differences(told, theirs):
                    line = line or f"{self._name(index)} has {different}; {remedy}"
            self._send("compare", line)
        else:
            self._send("compare", dict(told))
            (line,) = self._receive(self._talk[0], "compare")
        if line:
            raise InputError(line)

    @contextlib.contextmanager
    def folder_of_chief(self, folder: Path) -> Iterator[Path]:
        """A folder of the chief's with its files, or, elsewhere, a copy of it for as long.

        Args:
          folder: the chief gives its own; of the others it does not matter.
        """
        if self.is_chief:
            for link in self._talk.values():
                self._give(link, folder)
            yield folder
            return
        with tempfile.TemporaryDirectory() as place:
            yield self._take(self._talk[0], Path(place))

    # ------------------------------------------------------------ the end

    def close(self, error: BaseException | None, lost: tuple[type[BaseException], ...]) -> None:
        """Part from the others.

        Args:
          error: what ends this worker; None where it has done its part.
          lost: what may be raised because another has gone; the pulse will say who.
        """
        if error is not None and not isinstance(error, GanflowError) and isinstance(error, lost):
            self._pulse.wait_for_loss(_NOTICE_SECONDS)
        self._pulse.end("" if error is None else self._last_words(error))
        if not self.is_chief and error is None:
            self._pulse.wait_for_ends(None)  # TensorFlow's service lives in the chief
        if self.is_chief:
            self._pulse.wait_for_ends(_CLOSING_SECONDS)

    def _last_words(self, error: BaseException) -> str:
        index = self.cluster.index if self.cluster else 0
        return f"{self._name(index)} has ended: {error or type(error).__name__}"

    def _name(self, index: int) -> str:
        return self.cluster.name(index) if self.cluster else "the only worker"

    # ------------------------------------------------------------ messages

    def _send(self, *message: Any) -> None:
        for link in self._talk.values():
            try:
                wire.send(link, *message)
            except wire.LOST:
                self._wait_for_notice()

    def _receive(self, link, kind: str) -> list:
        try:
            return wire.receive(link, kind)
        except wire.LOST:
            self._wait_for_notice()

    def _wait_for_notice(self) -> NoReturn:
        """A connection has ended: the pulse finds out whose, and ends this process."""
        self._pulse.wait_for_loss(_NOTICE_SECONDS)
        raise WorkersError("another worker has gone; the last checkpoint is intact")

    def _give(self, link, folder: Path) -> None:
        files = [path for path in sorted(folder.iterdir()) if path.is_file()]
        sizes = {path.name: path.stat().st_size for path in files}
        try:
            wire.send(link, "folder", folder.name, sizes)
            for path in files:
                with open(path, "rb") as file:
                    while chunk := file.read(wire.CHUNK_BYTES):
                        link.send_bytes(chunk)
        except wire.LOST:
            self._wait_for_notice()

    def _take(self, link, place: Path) -> Path:
        name, sizes = self._receive(link, "folder")
        folder = place / Path(name).name
        folder.mkdir()
        for file_name, size in sizes.items():
            with open(folder / Path(file_name).name, "wb") as file:
                while size > 0:
                    try:
                        chunk = link.recv_bytes(wire.CHUNK_BYTES)
                    except wire.LOST:
                        self._wait_for_notice()
                    file.write(chunk)
                    size -= len(chunk)
        return folder


ALONE = Group(None, Links({}, {}), Pulse({}, str, lambda line: None))


@contextlib.contextmanager
def joined(
    cluster: Cluster | None,
    timeout_seconds: float,
    on_loss: Callable[[str], None],
    lost: tuple[type[BaseException], ...] = (),
) -> Iterator[Group]:
    """Meet the other workers, and part from them at the end; alone, there is nothing to do.

    Args:
      cluster: who they are; None of one process alone.
      timeout_seconds: for all of them to come.
      on_loss: called by another thread with a line that says who has gone. It has to end the
        process: the training may be waiting inside TensorFlow for a peer that never answers.
      lost: exceptions of the training that a peer's death can cause.

    Raises:
      WorkersError: somebody has not come in time.
    """
    if cluster is None:
        yield ALONE
        return
    links = meet(cluster, timeout_seconds)
    group = Group(cluster, links, Pulse(links.pulse, cluster.name, on_loss))
    try:
        yield group
    except BaseException as error:
        group.close(error, lost)
        raise
    group.close(None, lost)


def _differences(ours: Mapping[str, str], theirs: Mapping[str, str]) -> str:
    """What of a worker's is another: "--seed=1 (the chief's is 0)"; empty for none."""
    names = [n for n in dict.fromkeys([*ours, *theirs]) if ours.get(n) != theirs.get(n)]
    told = [
        f"{name}={str(theirs.get(name))[:_TOLD_LENGTH]} (the chief's is "
        f"{str(ours.get(name))[:_TOLD_LENGTH]})"
        for name in names[:3]
    ]
    more = len(names) - len(told)
    return ", ".join(told) + (f" and {more} more" if more > 0 else "")
