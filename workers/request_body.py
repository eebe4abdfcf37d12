"""The body of a request that is streamed from the video store."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from workers.errors import Transient

#: Bodies are read and sent in pieces: large enough for a small overhead, small enough that a
#: cancellation, which is checked between two, does not wait long. Between 256 KiB and 1 MiB, the
#: time for 1 GB differs by less than the noise; smaller pieces cost processor time, larger ones
#: memory.
PIECE_BYTES = 512 * 1024
#: How often a cancellation is checked while a body waits for its next bytes.
CANCEL_CHECK_SECONDS = 1.0


class BodyStream(Protocol):
    """The stream that a request body is read from."""

    def read(self, size: int, /) -> bytes | memoryview:
        """Return up to `size` bytes, empty at the end."""

    def is_ready(self, seconds: float) -> bool:
        """Wait up to `seconds`; tell whether a read would return at once."""


class Body:
    """A request body of a known length, read from a stream piece by piece and counted.

    `on_read` is called with the number of bytes read so far after every piece, and repeatedly
    while the stream stalls; it may raise to abort the request. A stream that ends early raises
    `Transient`, so that a short body is never taken for a whole one.
    """

    def __init__(self, stream: BodyStream, length: int, on_read: Callable[[int], None]) -> None:
        self._stream = stream
        self._on_read = on_read
        self.length = length

    def __iter__(self) -> Iterator[bytes | memoryview]:
        """Yield the pieces in order."""
        read_bytes = 0
        while read_bytes < self.length:
            while not self._stream.is_ready(CANCEL_CHECK_SECONDS):
                self._on_read(read_bytes)
            piece = self._stream.read(min(PIECE_BYTES, self.length - read_bytes))
            if not piece:
                raise Transient(
                    "source_ended_early", "the video store sent fewer bytes than promised"
                )
            read_bytes += len(piece)
            self._on_read(read_bytes)
            yield piece
