"""The signal that ends the sandbox and `make run`."""

from __future__ import annotations

import os
import signal

from sandbox.shutdown import ShutdownSignal


def test_nothing_has_come_until_a_signal_has() -> None:
    before = signal.getsignal(signal.SIGUSR1)
    try:
        shutdown = ShutdownSignal(signal.SIGUSR1)
        assert shutdown.wait(0.01) is False
        os.kill(os.getpid(), signal.SIGUSR1)
        assert shutdown.wait() is True
        assert shutdown.wait() is True
    finally:
        signal.signal(signal.SIGUSR1, before)
