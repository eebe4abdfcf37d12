"""Places for work on videos that takes memory and seconds: few per process, and one per owner."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from app.storage.errors import StoreUnavailable


class Places:
    """At most `count` places of a process, of which nobody has two."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._changed = threading.Condition()
        self._owners: set[str] = set()

    @contextmanager
    def take(self, owner: str, wait_seconds: float, refusal: str) -> Iterator[None]:
        """Have a place during the block.

        Raises `StoreUnavailable`, which says `refusal`, if there is none within `wait_seconds`:
        callers that wait occupy a thread each.
        """
        with self._changed:
            if not self._changed.wait_for(lambda: self._is_free(owner), wait_seconds):
                raise StoreUnavailable(refusal)
            self._owners.add(owner)
        try:
            yield
        finally:
            with self._changed:
                self._owners.remove(owner)
                self._changed.notify_all()

    def _is_free(self, owner: str) -> bool:
        return owner not in self._owners and len(self._owners) < self._count
