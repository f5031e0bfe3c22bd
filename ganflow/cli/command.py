"""What the programs share: absl's start, one line for an error, exit codes, signals.

exit code   meaning
        0   done; or nothing was left to do, for the run has done its steps already
        1   a defect of ganflow: a traceback that we want to see
        2   a flag, a file or a workdir that cannot be used as given
        3   a loss, a gradient or a weight was not finite; nothing of it was saved
        4   the disk is full or not writable; the last checkpoint is intact
        5   another process is writing in the workdir
        6   another worker is missing or has gone; the last checkpoint is intact
130, 143, 129   Ctrl-C, SIGTERM, SIGHUP (its terminal was closed): saved at a step boundary
                (a second one: stopped at once)
"""

import contextlib
import os
import signal
import sys
import threading
from collections.abc import Callable
from types import FrameType

from absl import app, logging

from ganflow.base.errors import GanflowError
from ganflow.cli import helping


def run(main: Callable, flags_parser: Callable[[list[str]], list[str]]) -> None:
    """absl's `app.run`, but a `GanflowError` is one line on stderr and its exit code.

    Args:
      main: (argv) -> exit code. `--help` shows its module's docstring and flags.
      flags_parser: (argv) -> what of it is no flag.
    """

    def parse(argv):
        """`flags_parser`, its errors told alike."""
        helping.install(main.__module__)  # absl has defined its own by now
        try:
            return flags_parser(argv)
        except GanflowError as error:
            _end(error)

    def guarded(argv):
        """`main`, its errors told in one line."""
        logging.use_absl_handler()
        try:
            return main(argv)
        except GanflowError as error:
            _end(error)
        except BrokenPipeError:  # the reader of our output has gone: `... | head`
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            sys.exit(1)

    app.run(guarded, flags_parser=parse)


def _end(error: GanflowError) -> None:
    logging.flush()
    with contextlib.suppress(OSError):  # stderr may be a file on the disk that is full
        print(f"{os.path.basename(sys.argv[0])}: {error}", file=sys.stderr, flush=True)
    sys.exit(error.exit_code)


class Signals:
    """Ctrl-C, SIGTERM and SIGHUP: the first is remembered, a second one ends the process at once.

    A SIGHUP that is ignored already, as `nohup` asks for, stays so.

    Python runs signal handlers between bytecodes, so not while TensorFlow is inside a long call.
    The C-level handler writes to a pipe at once, though, and a thread reads it.
    """

    def __init__(self, told: str = "saving at the next step boundary"):
        """Args:
        told: what is done about the first one, for the log.
        """
        self.received: int | None = None
        self._told = told

    def __enter__(self):
        self._read, self._write = os.pipe()
        os.set_blocking(self._write, False)
        caught = [signal.SIGINT, signal.SIGTERM]
        if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:
            caught.append(signal.SIGHUP)
        self._old = {s: signal.signal(s, _noted) for s in caught}
        self._old_wakeup = signal.set_wakeup_fd(self._write)
        threading.Thread(target=self._watch, daemon=True).start()
        return self

    def __exit__(self, *_):
        signal.set_wakeup_fd(self._old_wakeup)
        for number, handler in self._old.items():
            signal.signal(number, handler)
        os.close(self._write)  # ends the thread

    def asked(self) -> bool:
        """Whether a signal has asked the run to stop."""
        return self.received is not None

    def _watch(self):
        while byte := os.read(self._read, 1):
            number = byte[0]
            if number not in self._old:
                continue
            if self.received is not None:
                os._exit(128 + number)
            self.received = number
            name = signal.Signals(number).name
            logging.warning("%s: %s; once more stops at once", name, self._told)
        os.close(self._read)


def _noted(number: int, frame: FrameType | None) -> None:
    """The work is done by the thread; a Python handler must exist for the pipe to be written."""
