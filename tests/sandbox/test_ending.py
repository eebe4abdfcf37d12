"""The signal that ends the sandbox and `make run`."""

from __future__ import annotations

import os
import signal

from sandbox.ending import Ending


def test_nothing_has_come_until_a_signal_has() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    try:
        ending = Ending(signal.SIGUSR1)
        assert ending.wait(0.01) is False
        os.kill(os.getpid(), signal.SIGUSR1)
        assert ending.wait() is True
        assert ending.wait() is True
    finally:
        signal.signal(signal.SIGUSR1, before)
