"""The parent's timer: calls due soon that need neither Redis nor the scheduler."""

from __future__ import annotations

import heapq
import itertools
import time
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from app.queues import MAINTENANCE_QUEUE, Wake
from app.queues.names import POLL
from workers.engine.orders import Call

#: The pool of one platform's polls.
POLL_POOL = "poll-{}"
MAINTENANCE_POOL = MAINTENANCE_QUEUE
#: Margin for the drift between the two clocks: a poll that runs early finds nothing due.
NEVER_EARLY_SECONDS = 0.002


@dataclass(frozen=True)
class TimedCall:
    """A call and its pool; `wake` is the wake-up that it replaces, if any."""

    pool: str
    call: Call
    wake: Wake | None = None


class Timer:
    """Calls by due time, on the monotonic clock, which steps of the wall clock do not affect."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, TimedCall]] = []
        self._order = itertools.count()
        #: due calls whose pool has no free slot yet
        self._due: deque[TimedCall] = deque()

    def __iter__(self) -> Iterator[TimedCall]:
        yield from self._due
        yield from (timed for _, _, timed in self._heap)

    def add(self, timed: TimedCall, seconds: float = 0.0) -> None:
        """Add a call that is due in `seconds`."""
        due = time.monotonic() + max(seconds, 0.0)
        heapq.heappush(self._heap, (due, next(self._order), timed))

    def add_wake(self, wake: Wake) -> None:
        """Add the poll of a job that the platform processes."""
        call = Call(POLL, (wake.platform, wake.job_id))
        timed = TimedCall(POLL_POOL.format(wake.platform), call, wake)
        self.add(timed, wake.due_at.timestamp() - time.time() + NEVER_EARLY_SECONDS)

    def add_once(self, timed: TimedCall) -> None:
        """Add a call that is due now, unless the timer already has it."""
        if timed not in self:
            self.add(timed)

    def take_due(self, is_free: Callable[[str], bool]) -> Iterator[TimedCall]:
        """Take the due calls whose pools are free, one by one, as each may fill its pool."""
        now = time.monotonic()
        while self._heap and self._heap[0][0] <= now:
            self._due.append(heapq.heappop(self._heap)[2])
        for timed in [one for one in self._due if is_free(one.pool)]:
            if is_free(timed.pool):
                self._due.remove(timed)
                yield timed

    def seconds(self) -> float:
        """Return the seconds until the next call is due."""
        return self._heap[0][0] - time.monotonic() if self._heap else float("inf")
