"""The stop flag of this process, which every run checks."""

from __future__ import annotations

from app.run_stops import RunStopped


class StopFlag:
    """A flag that signal handlers set and all threads read.

    Not a `threading.Event`, whose `set` takes a lock: a second signal that interrupts the first
    one's handler would deadlock on it.
    """

    def __init__(self) -> None:
        self._is_set = False

    def set(self) -> None:
        """Ask the runs to stop."""
        self._is_set = True

    def clear(self) -> None:
        """Reset the flag, in a process just forked."""
        self._is_set = False

    def is_set(self) -> bool:
        """Tell whether the runs should stop."""
        return self._is_set


#: Once set, runs hand their job back at the next safe point.
stop_requested = StopFlag()


class Stopping(RunStopped):
    """Raised at a safe point after a stop was requested."""
