"""Waiting for the signal that stops a process."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType


class ShutdownSignal:
    """Catches the given signals and remembers that one arrived.

    Uses a pipe rather than a `threading.Event`: `Event.set` takes a lock, and a second signal that
    interrupts the first one's handler would deadlock on it.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._reading, self._writing = os.pipe()
        for number in numbers:
            signal.signal(number, self._note)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for a signal, for at most `seconds`; return whether one has arrived."""
        readable, _, _ = select.select([self._reading], [], [], seconds)
        return bool(readable)

    def _note(self, number: int, frame: FrameType | None) -> None:
        os.write(self._writing, b".")
