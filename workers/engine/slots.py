"""How many orders may be at work at once, by what they do. Pure.

`WORKER_CONCURRENCY` counts uploads. Beyond it each platform has one slot of its own while it has
none of the others, so that a platform which hangs holds up no other. Looks at what a platform
processes, and maintenance, have slots apart from uploads: they are short and never wait for one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping


class Slots:
    """The slots of one process tree; a lane is a queue's name, or a name of the engine's own."""

    def __init__(
        self, upload_lanes: Collection[str], uploads: int, others: Mapping[str, int]
    ) -> None:
        self._upload_lanes = frozenset(upload_lanes)
        self._uploads = uploads
        self._others = dict(others)
        self._taken: Counter[str] = Counter()

    @property
    def uploads_left(self) -> int:
        """How many more uploads may start that need no slot of their platform's own."""
        return self._uploads - sum(self._taken[one] for one in self._upload_lanes)

    def is_upload(self, lane: str) -> bool:
        """Tell whether the orders of this lane are uploads."""
        return lane in self._upload_lanes

    def is_free(self, lane: str) -> bool:
        """Tell whether an order of this lane may start now."""
        if lane not in self._upload_lanes:
            return self._taken[lane] < self._others[lane]
        return self.uploads_left > 0 or not self._taken[lane]

    def take(self, lane: str) -> None:
        """Count an order that starts."""
        self._taken[lane] += 1

    def give_back(self, lane: str) -> None:
        """Count an order that has ended."""
        self._taken[lane] -= 1
