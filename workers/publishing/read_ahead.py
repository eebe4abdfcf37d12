"""Read-ahead: while one piece of a video is sent, a thread reads the next ones."""

from __future__ import annotations

import threading
from collections import deque
from typing import Protocol

from app.storage import Readable
from workers.request_body import PIECE_BYTES

#: Pieces buffered at most: enough to bridge moments when other threads run.
AHEAD_PIECES = 8


class StoppableStream(Readable, Protocol):
    """The stream that is read ahead. The reading thread calls `close` once."""

    def stop(self) -> None:
        """Make a blocked read return soon."""

    def close(self) -> None:
        """Release the connection or the file."""


class ReadAhead:
    """A stream that a thread of its own reads a bounded number of pieces ahead.

    `read` raises what the thread's reading raised, after the pieces read before.
    """

    def __init__(self, inner: StoppableStream) -> None:
        self._inner = inner
        self._changed = threading.Condition()
        self._pieces: deque[bytes] = deque()
        self._current = memoryview(b"")
        self._error: BaseException | None = None
        self._is_ended = False
        self._is_closed = False
        threading.Thread(target=self._fill, name="read-ahead", daemon=True).start()

    def is_ready(self, seconds: float) -> bool:
        """Wait up to `seconds`; tell whether a read would return at once."""
        if self._current:
            return True
        with self._changed:
            return bool(self._changed.wait_for(self._is_readable, seconds))

    def read(self, size: int, /) -> memoryview:
        """Return up to `size` bytes without copying them; empty only at the end."""
        if not self._current:
            self._current = memoryview(self._next())
        piece, self._current = self._current[:size], self._current[size:]
        return piece

    def close(self) -> None:
        """Stop reading. The thread releases the connection as soon as it notices."""
        with self._changed:
            self._is_closed = True
            self._pieces.clear()
            self._changed.notify_all()
        self._inner.stop()

    def _next(self) -> bytes:
        with self._changed:
            self._changed.wait_for(self._is_readable)
            if self._pieces:
                self._changed.notify_all()
                return self._pieces.popleft()
            if self._error is not None:
                raise self._error
            return b""

    def _is_readable(self) -> bool:
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
        """Wait until another piece may be buffered; False once the stream is closed."""
        with self._changed:
            self._changed.wait_for(lambda: self._is_closed or len(self._pieces) < AHEAD_PIECES)
            return not self._is_closed
