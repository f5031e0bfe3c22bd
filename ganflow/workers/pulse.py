"""Who has gone: each worker tells the chief every second that it lives, and the chief each worker.

A thread does it, so a worker that evaluates, saves or traces for minutes is not taken for a dead
one, while one that was stopped or whose machine is cut off is. The training itself may then wait
inside TensorFlow for a peer that never answers: nothing but the process's end gets it out of there.
"""

import contextlib
import threading
import time
from collections.abc import Callable
from multiprocessing import connection as waiting
from multiprocessing.connection import Connection

from ganflow.workers import wire

BEAT_SECONDS = 1.0
SILENCE_SECONDS = 15.0  # after which one that is still connected counts as gone
LAST_WORDS_SECONDS = 5.0  # for a process to end by itself once another has said why it ends


class Pulse:
    """The heartbeats of one worker."""

    def __init__(
        self,
        links: dict[int, Connection],
        name: Callable[[int], str],
        on_loss: Callable[[str], None],
        silence_seconds: float = SILENCE_SECONDS,
    ):
        """Args:
        links: to the workers that this one listens to, by their index.
        name: of a worker, for messages.
        on_loss: called once, by the thread, with a line that says who has gone.
        silence_seconds: see `SILENCE_SECONDS`.
        """
        self._links, self._name, self._on_loss = dict(links), name, on_loss
        self._silence_seconds = silence_seconds
        self._sending = threading.Lock()
        self._ended: set[int] = set()  # those that have said that they are through
        self._closed: set[int] = set()
        self._changed = threading.Condition()
        self._has_ended = False
        self._over = False  # the run has ended badly: what others now do is no news
        self._thread = threading.Thread(target=self._run, name="pulse", daemon=True)
        if links:
            self._thread.start()

    def end(self, line: str = "") -> None:
        """Tell the others that this worker ends; with a line, that the run ends with it."""
        self._tell("end", line)
        with self._changed:
            self._has_ended = True
            self._over = self._over or bool(line)
            self._changed.notify_all()

    def wait_for_ends(self, seconds: float | None) -> None:
        """Wait until all others have said that they are through, or have gone."""
        with self._changed:
            self._changed.wait_for(self._all_ended, seconds)

    def wait_for_loss(self, seconds: float) -> None:
        """Wait until `on_loss` has been called; it may end the process."""
        self._thread.join(seconds)

    def _all_ended(self) -> bool:
        return self._links.keys() <= self._ended | self._closed

    def _tell(self, *message: str) -> None:
        with self._sending:
            for index, link in self._links.items():
                if index not in self._closed:
                    wire.try_to_send(link, *message)

    def _run(self) -> None:
        try:
            self._beat_and_listen()
        finally:
            for link in self._links.values():
                link.close()

    def _beat_and_listen(self) -> None:
        heard = dict.fromkeys(self._links, time.monotonic())
        beat = 0.0
        while open_links := {link: i for i, link in self._links.items() if i not in self._closed}:
            if time.monotonic() >= beat:
                self._tell("beat")
                beat = time.monotonic() + BEAT_SECONDS
            ready = waiting.wait(list(open_links), max(0.0, beat - time.monotonic()))
            for link, index in open_links.items():
                if link not in ready:
                    continue
                heard[index] = time.monotonic()
                if line := self._listen(index, link):
                    self._lose(line)
                    return
            if self._has_ended and self._all_ended():
                return
            # Whatever lies ready has been read: this worker may itself have been stopped meanwhile.
            if ready:
                continue
            for index in open_links.values():
                silent = time.monotonic() - heard[index]
                if silent > self._silence_seconds and index not in self._ended and not self._over:
                    self._lose(f"{self._name(index)} has not been heard of for {silent:.0f} s")
                    return

    def _listen(self, index: int, link: Connection) -> str:
        """Take one message; a line where it means the end of the run."""
        line = ""
        try:
            kind, *rest = wire.receive(link)
            if kind == "end":
                line = str(rest[0])
                self._note(self._ended, index)
                if line and not self._over:
                    self._wait_for_own_end()
        except (*wire.LOST, wire.StrangeError):
            if index not in self._ended:
                line = f"{self._name(index)} has gone"
            self._note(self._closed, index)
        return "" if self._over else line

    def _wait_for_own_end(self) -> None:
        """What ended the other may be ending this worker as well, with a better line."""
        with self._changed:
            self._changed.wait_for(lambda: self._over, LAST_WORDS_SECONDS)

    def _note(self, where: set[int], index: int) -> None:
        with self._changed:
            where.add(index)
            self._changed.notify_all()

    def _lose(self, line: str) -> None:
        self.end(line)
        with contextlib.suppress(Exception):
            self._on_loss(line)
