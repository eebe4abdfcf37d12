"""Rolling windows: how often something happened in the last minute, hour or day."""

from collections import defaultdict, deque
from datetime import datetime, timedelta


class RollingWindow:
    """Counts events per key over the last `seconds`. The caller holds the world's lock."""

    def __init__(self, seconds: int) -> None:
        self._span = timedelta(seconds=seconds)
        self._times: dict[str, deque[datetime]] = defaultdict(deque)

    def add(self, key: str, now: datetime) -> None:
        """Record one event."""
        self._times[key].append(now)

    def count(self, key: str, now: datetime) -> int:
        """Return the events of `key` still inside the window."""
        times = self._times[key]
        while times and times[0] <= now - self._span:
            times.popleft()
        return len(times)

    def total(self, now: datetime) -> int:
        """Return the events of all keys still inside the window."""
        return sum(self.count(key, now) for key in list(self._times))

    def seconds_until_free(self, key: str, now: datetime) -> float:
        """Return when the oldest event leaves the window; 0 when there is none."""
        times = self._times[key]
        return max(0.0, (times[0] + self._span - now).total_seconds()) if times else 0.0


class ActiveKeys:
    """Counts the distinct keys seen over the last `seconds`."""

    def __init__(self, seconds: int) -> None:
        self._span = timedelta(seconds=seconds)
        self._last_seen: dict[str, datetime] = {}  # in the order of last use

    def touch(self, key: str, now: datetime) -> None:
        """Record that `key` is active."""
        self._last_seen.pop(key, None)
        self._last_seen[key] = now

    def others(self, key: str, now: datetime) -> int:
        """Return how many keys besides `key` are active."""
        for oldest, seen in list(self._last_seen.items()):
            if seen > now - self._span:
                break
            del self._last_seen[oldest]
        return len(self._last_seen) - (key in self._last_seen)
