"""The slots: how many orders may execute at once, by lane. Pure.

`WORKER_CONCURRENCY` counts uploads. A platform may take all of these slots while the others have no
posts. But at most all but `RESERVE` of them count against the others, so a platform whose uploads
hang leaves the others that many, and each of them one in any case. Polls and maintenance have slots
of their own and never wait for an upload.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping

#: Upload slots that no single platform can take from the others.
RESERVE = 2


class Slots:
    """The slots of one worker; a lane is a queue's name, or a name of the engine's own."""

    def __init__(
        self, upload_lanes: Collection[str], uploads: int, others: Mapping[str, int]
    ) -> None:
        self._upload_lanes = frozenset(upload_lanes)
        self._uploads = uploads
        self._share = max(uploads - RESERVE, 1)
        self._others = dict(others)
        self._taken: Counter[str] = Counter()

    def room(self, lane: str) -> int:
        """Return how many more orders of a lane may start, an upload lane's first one aside."""
        if lane not in self._upload_lanes:
            return self._others[lane] - self._taken[lane]
        beside = (self._taken[one] for one in self._upload_lanes if one != lane)
        return self._uploads - self._taken[lane] - sum(min(one, self._share) for one in beside)

    def is_free(self, lane: str) -> bool:
        """Tell whether an order of a lane may start now."""
        is_first = lane in self._upload_lanes and not self._taken[lane]
        return is_first or self.room(lane) > 0

    def take(self, lane: str) -> None:
        """Take a slot for an order that starts."""
        self._taken[lane] += 1

    def give_back(self, lane: str) -> None:
        """Return the slot of an order that has ended."""
        self._taken[lane] -= 1
