"""A stream of numbered pieces, which a test can stall and break off."""

from __future__ import annotations

import threading

LIMIT_SECONDS = 30


class Pieces:
    """Gives numbered pieces, then what `end` is."""

    def __init__(self, count: int, end: BaseException | None = None) -> None:
        self._count = count
        self._end = end
        self.given = 0
        self.may_go_on = threading.Event()
        self.may_go_on.set()
        self.is_stopped = False
        self.is_closed = threading.Event()

    def read(self, size: int, /) -> bytes:
        assert self.may_go_on.wait(LIMIT_SECONDS)
        if self.given == self._count:
            if self._end is not None:
                raise self._end
            return b""
        self.given += 1
        return b"%04d" % self.given

    def stop(self) -> None:
        self.is_stopped = True

    def close(self) -> None:
        self.is_closed.set()
