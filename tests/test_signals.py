"""The signals that ask a run to stop, as the programs hear them."""

import os
import signal
import time

import pytest

from ganflow.cli.command import Signals


def heard(signals: Signals) -> int | None:
    """What arrives within some seconds: a thread notes it."""
    end = time.monotonic() + 5
    while not signals.asked() and time.monotonic() < end:
        time.sleep(0.01)
    return signals.received


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_is_noted_and_what_was_done_about_it_before_is_done_again_afterwards(number):
    mine = lambda number, frame: None  # noqa: E731 - under nohup, SIGHUP would be ignored
    before = signal.signal(number, mine)
    try:
        with Signals() as signals:
            os.kill(os.getpid(), number)
            assert heard(signals) == number
        assert signal.getsignal(number) is mine
    finally:
        signal.signal(number, before)


def test_a_hangup_that_nohup_ignores_stays_ignored():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Signals() as signals:
            os.kill(os.getpid(), signal.SIGHUP)
            os.kill(os.getpid(), signal.SIGTERM)
            assert heard(signals) == signal.SIGTERM
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)
