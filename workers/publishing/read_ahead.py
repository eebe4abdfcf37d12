"""Reads ahead: while one piece of a video is being sent, a thread reads the next ones."""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

from app.storage import Readable

#: What is read at once. Of 256 KiB to 1 MiB, the time for 1 GB differed less than two runs did;
#: smaller pieces cost processor time, larger ones memory.
PIECE_BYTES = 512 * 1024
#: Pieces that wait to be sent, at most: enough to bridge the moments when the machine runs others.
AHEAD_PIECES = 8


class Stoppable(Readable, Protocol):
    """What is read ahead. `close` is called once, by whoever read last."""

    def stop(self) -> None:
        """Let a read that waits end soon."""

    def close(self) -> None:
        """Let the connection or the file go."""


class ReadAhead:
    """A stream that is read by a thread of its own, a few pieces ahead and no more.

    What the thread's reading raises is raised by `read`, after the pieces that came before.
    """

    def __init__(self, inner: Stoppable) -> None:
        self._inner = inner
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._current = memoryview(b"")
        self._error: BaseException | None = None
        self._is_ended = False
        self._is_closed = False
        threading.Thread(target=self._fill, name="read-ahead", daemon=True).start()

    def is_ready(self, seconds: float) -> bool:
        """Wait that long at most, and say whether a read would return at once."""
        if self._current:
            return True
        with self._changed:
            return bool(self._changed.wait_for(self._has_come, seconds))

    def read(self, size: int, /) -> memoryview:
        """Return up to `size` bytes, empty only at the end. They are not copied."""
        if not self._current:
            self._current = memoryview(self._next())
        piece, self._current = self._current[:size], self._current[size:]
        return piece

    def close(self) -> None:
        """Stop reading. The thread lets the connection go as soon as it notices."""
        with self._changed:
            self._is_closed = True
            self._pieces.clear()
            self._changed.notify_all()
        self._inner.stop()

    def _next(self) -> bytes:
        with self._changed:
            self._changed.wait_for(self._has_come)
            if self._pieces:
                self._changed.notify_all()
                return self._pieces.popleft()
            if self._error is not None:
                raise self._error
            return b""

    def _has_come(self) -> bool:
        return bool(self._pieces) or self._is_ended or self._is_closed

    def _fill(self) -> None:
        try:
            while self._has_room() and (piece := self._inner.read(PIECE_BYTES)):
                with self._changed:
                    self._pieces.append(piece)
                    self._changed.notify_all()
        except BaseException as error:
            self._error = error
        finally:
            self._inner.close()
            with self._changed:
                self._is_ended = True
                self._changed.notify_all()

    def _has_room(self) -> bool:
        """Wait until another piece may be read; False once nobody wants it any more."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or len(self._pieces) < AHEAD_PIECES)
            return not self._is_closed
