"""The sandbox's own clock, which tests can move instead of waiting."""

import threading
import time
from datetime import datetime, timedelta, timezone


class Clock:
    """The wall clock, shifted through the control API."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shift_seconds = 0.0

    def now(self) -> datetime:
        """Return the sandbox's time, aware UTC."""
        with self._lock:
            shift = self._shift_seconds
        return datetime.fromtimestamp(time.time(), timezone.utc) + timedelta(seconds=shift)

    def advance(self, seconds: float) -> None:
        """Move the clock; a negative number moves it back."""
        with self._lock:
            self._shift_seconds += seconds

    def set(self, moment: datetime) -> None:
        """Set the clock to `moment`; it runs on from there."""
        self.advance((moment - self.now()).total_seconds())

    def reset(self) -> None:
        """Return to the wall clock."""
        with self._lock:
            self._shift_seconds = 0.0


def iso(moment: datetime) -> str:
    """Write a time as ISO 8601 UTC with milliseconds and `Z`."""
    text = moment.astimezone(timezone.utc).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def parse_iso(text: str) -> datetime:
    """Read an ISO 8601 time; one without an offset is UTC. Raises ValueError."""
    moment = datetime.fromisoformat(text.replace("Z", "+00:00"))
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.utc)
