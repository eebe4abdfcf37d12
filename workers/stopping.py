"""Whether this process was told to end, for every run in it to notice."""

from __future__ import annotations

from app.runs import RunStopped


class StopFlag:
    """Whether this process was told to end: set by its signal handlers, read by all threads.

    No `threading.Event`, whose `set` takes a lock: a second signal in the middle of the first
    one's handler would wait for that lock for ever.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Ask the runs to end."""
        self._is_set = True

    def clear(self) -> None:
        """Begin anew, in a process that was not told yet."""
        self._is_set = False

    def is_set(self) -> bool:
        """Return whether the runs are to end."""
        return self._is_set


#: Runs hand their job back at the next safe point after it is set.
stop_requested = StopFlag()


class Stopping(RunStopped):
    """Raised at a safe point after the process was told to end."""
