"""One thread beside the training, which does what it is handed in that order."""

import collections
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor

# What waits holds copies of weights. Beyond either limit whoever hands over waits as well.
_MOST_WAITING = 64
_MOST_WAITING_BYTES = 256 * 2**20


class Background:
    """The thread; an error in it comes out at the next call, and nothing is done after it."""

    def __init__(self):
        self._thread = ThreadPoolExecutor(max_workers=1, thread_name_prefix="summaries")
        self._waiting: collections.deque[tuple[Future, int]] = collections.deque()
        self._failed = False

    def hand_over(self, work: Callable[[], None], num_bytes: int = 0) -> None:
        """Have `work` done after all that was handed over before.

        Args:
          work: called in the thread.
          num_bytes: of memory that it holds on to.

        Raises:
          Exception: what earlier work raised.
        """
        while self._waiting and (self._waiting[0][0].done() or self._is_full(num_bytes)):
            self._wait_for_first()
        self._waiting.append((self._thread.submit(self._do, work), num_bytes))

    def drain(self) -> None:
        """Wait until everything is done; raises what it raised."""
        while self._waiting:
            self._wait_for_first()

    def close(self) -> None:
        """`drain`, and end the thread."""
        try:
            self.drain()
        finally:
            self._thread.shutdown()

    def _is_full(self, num_bytes: int) -> bool:
        waiting_bytes = sum(size for _, size in self._waiting)
        return (
            len(self._waiting) >= _MOST_WAITING or waiting_bytes + num_bytes > _MOST_WAITING_BYTES
        )

    def _wait_for_first(self) -> None:
        error = self._waiting[0][0].exception()  # not yet forgotten: Ctrl-C may come meanwhile
        self._waiting.popleft()
        if error is not None:
            raise error

    def _do(self, work: Callable[[], None]) -> None:
        if self._failed:
            return
        try:
            work()
        except BaseException:
            self._failed = True
            raise
