"""The slots: how many orders may execute at once, by pool. Pure.

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
    """The slots of one worker; a pool is a queue's name, or a name of the engine's own."""

    def __init__(
        self, upload_pools: Collection[str], uploads: int, others: Mapping[str, int]
    ) -> None:
        self._upload_pools = frozenset(upload_pools)
        self._uploads = uploads
        self._share = max(uploads - RESERVE, 1)
        self._others = dict(others)
        self._taken: Counter[str] = Counter()

    def room(self, pool: str) -> int:
        """Return how many more orders of a pool may start, an upload pool's first one aside."""
        if pool not in self._upload_pools:
            return self._others[pool] - self._taken[pool]
        beside = (self._taken[one] for one in self._upload_pools if one != pool)
        return self._uploads - self._taken[pool] - sum(min(one, self._share) for one in beside)

    def is_free(self, pool: str) -> bool:
        """Tell whether an order of a pool may start now."""
        is_first = pool in self._upload_pools and not self._taken[pool]
        return is_first or self.room(pool) > 0

    def take(self, pool: str) -> None:
        """Take a slot for an order that starts."""
        self._taken[pool] += 1

    def release(self, pool: str) -> None:
        """Return the slot of an order that has ended."""
        self._taken[pool] -= 1
