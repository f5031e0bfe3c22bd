"""The one thread that touches TensorFlow: it obeys commands, makes steps, and makes frames.

A page asks for a frame newer than the one it has and waits for it, in a thread of its own. A frame
is made only if somebody has asked since the last one, at most 40 a second, and while steps run they
have at least half of the time.
"""

import collections
import dataclasses
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from ganflow.base.errors import GanflowError, InputError
from ganflow.lab import texts
from ganflow.lab.web.bench import Bench
from ganflow.lab.web.goals import Goal, Pace
from ganflow.lab.web.setting import Setting
from ganflow.lab.web.showing import WEIGHTS, Shown

FRAME_SECONDS = 1 / 40  # shorter than a piece of steps, or only every other piece is shown
_FRESH_SECONDS = 0.1  # a frame of a training that has gone on since
_REMEMBERED_SECONDS = 3.0  # since a page asked for something, it goes on looking at it


@dataclasses.dataclass
class _Call:
    """A command that waits for the thread."""

    work: Callable[[], Any]
    over: threading.Event = dataclasses.field(default_factory=threading.Event)
    value: Any = None
    error: GanflowError | None = None


class Trainer(threading.Thread):
    """The thread; all but `call`, `frame` and `close` runs in it."""

    def __init__(self, setting: Setting, bench: Bench):
        super().__init__(name="trainer", daemon=True)
        self.changed = threading.Condition()
        self._calls: collections.deque[_Call] = collections.deque()
        self._asked: dict[tuple, float] = {}  # what a page looks at, and when it last asked
        self._waiting, self._seen = 0, -1e9  # pages that wait, and when one was last answered
        self._frame: dict = {"version": 0, "has": set()}
        self._made = self._next_frame = 0.0
        self._version, self._dirty, self._closed = 0, True, False
        self.busy = self.error = ""
        self.goals: collections.deque[Goal] = collections.deque()
        self.pace = Pace()
        self.failed: Exception | None = None  # a defect, which ended the thread
        self._epoch = 0
        self.shown: Shown | None = None
        self.set_up(setting, bench)

    def set_up(self, setting: Setting, bench: Bench) -> None:
        """Take a bench in the place of the one before."""
        if self.shown is not None:
            self.shown.close()
        self.setting, self.bench, self.shown = setting, bench, Shown(bench, self.touch)
        self.pace.forget()
        self.begin()

    def begin(self) -> None:
        """Forget what has been shown of a state that is no more."""
        self.shown.begin()
        self._made = -1e9  # its frame is not fresh any more, however young
        self._epoch += 1
        self.pace.rest()
        self.error = ""
        self.about = self.shown.about() | {"epoch": self._epoch}
        self.end_goals()

    def renew(self) -> None:
        """Show on what goes on with other settings."""
        self.pace.forget()
        self.shown.renew()

    # ------------------------------------------------------------ asked by other threads

    def call(self, work: Callable[[], Any]) -> Any:
        """Have the thread do something between two calls of the engine; its value.

        Raises:
          GanflowError: what it raised.
        """
        call = _Call(work)
        with self.changed:
            if self._closed:
                raise InputError("the lab is ending")
            self._calls.append(call)
            self.changed.notify_all()
        call.over.wait()
        if call.error is not None:
            raise call.error
        return call.value

    def frame(
        self, after: int, samplers: Sequence[int], weights: bool, patience_seconds: float
    ) -> dict:
        """The newest frame that is newer than `after`, or, once patience ends, a sign of life."""
        end = time.monotonic() + patience_seconds
        wanted = {("look", number) for number in samplers} | ({WEIGHTS} if weights else set())
        begun = time.monotonic()

        def is_there() -> bool:
            is_fresh = not self._dirty or self._made > begun - _FRESH_SECONDS
            return is_fresh and self._frame["version"] > after and wanted <= self._frame["has"]

        with self.changed:
            self._asked |= dict.fromkeys(wanted, time.monotonic())
            self._waiting += 1
            self.changed.notify_all()
            while not (is_there() or self._closed or time.monotonic() >= end):
                self.changed.wait(max(0.0, end - time.monotonic()))
            self._waiting -= 1
            self._seen = time.monotonic()
            if is_there():
                return self._frame
        return {"version": after, "busy": self.busy, "epoch": self._epoch, "alive": True}

    def close(self) -> None:
        """End at the next step boundary, and wait for it."""
        with self.changed:
            self._closed = True
            self.changed.notify_all()
        self.join()

    # ------------------------------------------------------------ the thread

    def run(self) -> None:
        """Obey, step, show, until closed; or until a defect, which is kept for whoever waits."""
        try:
            while self._next():
                pass
        except Exception as error:
            self.failed = error
        finally:
            with self.changed:
                self._closed = True
                self.changed.notify_all()
            self._end_goals()
            for call in self._calls:
                call.error = InputError("the lab is ending")
                call.over.set()
            self.shown.close()

    def _next(self) -> bool:
        """One thing; False once closed."""
        with self.changed:
            while not (self._closed or self._calls or self._can_step() or self._must_show()):
                self.changed.wait(self.pace.idle_seconds() if self.goals else None)
            if self._closed:
                return False
            call = self._calls.popleft() if self._calls else None
        if call is not None:
            self._obey(call)
            return True
        try:
            if self._can_step():
                self._step()
        except GanflowError as error:
            self.error = str(error)
            self.end_goals()
        if self._must_show():
            self._show()
        return True

    def _obey(self, call: _Call) -> None:
        try:
            call.value = call.work()
        except GanflowError as error:
            call.error = error
        except Exception:
            call.error = InputError("a defect of ganflow: the terminal says more")
            raise
        finally:
            self.busy = ""
            self.touch()
            call.over.set()

    def _end_goals(self) -> None:
        while self.goals:
            self.goals.popleft().over.set()

    def touch(self) -> None:
        """What is shown is no longer what is."""
        with self.changed:
            self._dirty = True
            self.changed.notify_all()

    def end_goals(self) -> None:
        """What is under way ends here."""
        self._end_goals()
        self.touch()

    def _can_step(self) -> bool:
        return bool(self.goals) and self.pace.is_due()

    # ------------------------------------------------------------ steps

    def _step(self) -> None:
        """A piece of the goal, short enough that pages and commands need not wait."""
        goal, bench = self.goals[0], self.bench
        key = goal.name or bench.run.schedule.at(bench.step)[0]
        piece = self.pace.piece(goal, key, time.monotonic() - self._seen < _REMEMBERED_SECONDS)
        self.busy = "preparing the steps: some seconds, once" if self.pace.is_new(key) else ""
        begun = time.perf_counter()
        if goal.name is None:
            piece = bench.most(piece)
            self.shown.scalars |= bench.advance(piece)
        else:
            report = bench.update(goal.name, piece)
            self.shown.scalars |= {name: after for name, (_, after) in report.scalars.items()}
            goal.text = texts.report_text(report, bench.lab)
        self.pace.took(goal, key, piece, time.perf_counter() - begun)
        self.busy = ""
        self.shown.stepped(are_whole=goal.name is None)
        goal.advance(piece)
        if not goal.left:
            self.goals.popleft().over.set()
        self.touch()

    # ------------------------------------------------------------ frames

    def _wanted(self) -> set:
        now = time.monotonic()
        return {what for what, then in self._asked.items() if now - then < _REMEMBERED_SECONDS}

    def _must_show(self) -> bool:
        """Whether a page waits for what is not yet in the frame."""
        if not self._waiting or (self.goals and time.monotonic() < self._next_frame):
            return False
        return self._dirty or not self._wanted() <= self._frame["has"]

    def _show(self) -> None:
        wanted, begun = self._wanted(), time.monotonic()
        self._version, self._dirty = self._version + 1, False
        found = self.shown.frame(wanted, self._version, is_running=bool(self.goals)) | {
            "version": self._version,
            "has": wanted,
            "epoch": self._epoch,
            "busy": self.busy,
            "limit": self.pace.limit,
            "error": self.error,
        }
        with self.changed:
            self._frame, self._made = found, time.monotonic()
            self.changed.notify_all()
        self._next_frame = max(begun + FRAME_SECONDS, 2 * self._made - begun)  # half is the steps'
