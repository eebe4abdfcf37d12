"""What a process tree wakes for by itself: the parent's list of things due soon."""

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

#: A lane of looks at one platform is called after it.
POLL_LANE = "poll-{}"
MAINTENANCE_LANE = MAINTENANCE_QUEUE
#: The two clocks do not tick alike, and a look that comes early finds nothing to do.
NEVER_EARLY_SECONDS = 0.002


@dataclass(frozen=True)
class Wait:
    """One call, and the lane it belongs to. `wake` is the row's, where there is one."""

    lane: str
    call: Call
    wake: Wake | None = None


class Waits:
    """Calls by the time they are due, on the monotonic clock: a step of the other harms none."""

    def __init__(self) -> None:
        self._heap: list[tuple[float, int, Wait]] = []
        self._order = itertools.count()
        #: those that are due and whose lane has no slot for them yet
        self._due: deque[Wait] = deque()

    def __iter__(self) -> Iterator[Wait]:
        yield from self._due
        yield from (wait for _, _, wait in self._heap)

    def add(self, wait: Wait, seconds: float = 0.0) -> None:
        """Add a call that is due in so many seconds."""
        due = time.monotonic() + max(seconds, 0.0)
        heapq.heappush(self._heap, (due, next(self._order), wait))

    def add_wake(self, wake: Wake) -> None:
        """Add the look at a job that the platform processes."""
        call = Call(POLL, (wake.platform, wake.job_id))
        wait = Wait(POLL_LANE.format(wake.platform), call, wake)
        self.add(wait, wake.due_at.timestamp() - time.time() + NEVER_EARLY_SECONDS)

    def add_once(self, wait: Wait) -> None:
        """Add a call that is due now, unless the same one waits already."""
        if wait not in self:
            self.add(wait)

    def take_due(self, is_free: Callable[[str], bool]) -> Iterator[Wait]:
        """Take what is due and whose lane is free, one by one: each may fill its lane."""
        now = time.monotonic()
        while self._heap and self._heap[0][0] <= now:
            self._due.append(heapq.heappop(self._heap)[2])
        for wait in [one for one in self._due if is_free(one.lane)]:
            if is_free(wait.lane):
                self._due.remove(wait)
                yield wait

    def seconds(self) -> float:
        """Return how long nothing more falls due."""
        return self._heap[0][0] - time.monotonic() if self._heap else float("inf")
