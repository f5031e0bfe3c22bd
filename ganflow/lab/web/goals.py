"""What is under way, in pieces short enough that pages and commands need not wait."""

import dataclasses
import threading
import time

ENDLESS = 2**62
_WATCHED_SECONDS, _ALONE_SECONDS = 0.034, 0.2  # of steps in a row, with and without a page
_LIMITED_SECONDS = 1 / 30  # of steps in a row where their speed is limited
_AT_HAND = 10  # single updates in a piece, at least: before and after each all weights are read


@dataclasses.dataclass
class Goal:
    """So many updates of a name, or whole steps."""

    name: str | None  # None: whole steps
    left: int
    asked: int
    done: int = 0
    text: str = ""  # of what the last piece changed
    over: threading.Event = dataclasses.field(default_factory=threading.Event)

    def advance(self, piece: int) -> None:
        """So many of them were done."""
        self.done += piece
        self.left -= piece


class Pace:
    """How long steps take, and so how many make a piece.

    Attributes:
      limit: whole steps a second; 0: as many as can be.
    """

    def __init__(self):
        self.limit = 0.0
        self.forget()

    def forget(self) -> None:
        """What is to come was compiled anew."""
        self._seconds: dict[str | int, float] = {}  # a step of an update, or of a phase; 0: unknown
        self.rest()

    def rest(self) -> None:
        """What is to come need not wait for what was."""
        self._due = 0.0

    def is_new(self, key: str | int) -> bool:
        """Whether no piece of an update, or of a phase, was made yet."""
        return key not in self._seconds

    def is_due(self) -> bool:
        """Whether the limit lets the next piece begin."""
        return time.monotonic() >= self._due

    def idle_seconds(self) -> float:
        """How long to wait before that is asked again."""
        return min(0.02, max(0.001, self._due - time.monotonic()))

    def piece(self, goal: Goal, key: str | int, is_watched: bool) -> int:
        """Steps to make next, at least 1.

        Args:
          goal: that is under way.
          key: of what is timed: an update's name, or a phase's number.
          is_watched: whether a page looks on.
        """
        each = self._seconds.get(key)
        many = int((_WATCHED_SECONDS if is_watched else _ALONE_SECONDS) / each) if each else 1
        if goal.name is not None:
            return min(max(many, _AT_HAND), goal.left)
        if self.limit:
            many = min(many, int(self.limit * _LIMITED_SECONDS))
        return max(1, min(many, goal.left))

    def took(self, goal: Goal, key: str | int, piece: int, seconds: float) -> None:
        """A piece was made."""
        # The first one was compiled, which says nothing of the others.
        self._seconds[key] = 0.0 if self.is_new(key) else seconds / piece
        if self.limit and goal.name is None:
            self._due = time.monotonic() + max(0.0, piece / self.limit - seconds)
