"""Waiting for the signal that ends a process."""

from __future__ import annotations

import os
import select
import signal
from types import FrameType


class Ending:
    """Takes these signals and remembers that one has come.

    By a pipe, and not by a `threading.Event`: its `set` takes a lock, for which a second signal in
    the middle of the first one's handler would wait for ever.
    """

    def __init__(self, *numbers: signal.Signals) -> None:
        self._reading, self._writing = os.pipe()
        for number in numbers:
            signal.signal(number, self._note)

    def wait(self, seconds: float | None = None) -> bool:
        """Wait for a signal, so many seconds at most; tell whether one has come."""
        readable, _, _ = select.select([self._reading], [], [], seconds)
        return bool(readable)

    def _note(self, number: int, frame: FrameType | None) -> None:
        os.write(self._writing, b".")
