"""Sequential reader for platforms that take a video in chunks."""

from __future__ import annotations

from workers.errors import Transient
from workers.platforms.sources import Source, Stream
from workers.request_body import PIECE_BYTES


class ChunkReader:
    """Reads a video front to back through one open range, across chunk boundaries.

    A single range keeps the store streaming while the platform responds to a chunk. `read` does not
    know where the current chunk ends; the caller does. Close the reader after use.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._stream: Stream | None = None
        self._offset = 0
        self._prefetched: bytes | memoryview = b""

    def begin(self, first: int, length: int) -> None:
        """Position at offset `first` and prefetch the first bytes of a chunk of `length`.

        Raises what `Source.open` and `Stream.read` raise, so that a request to the platform
        starts only once the store delivers.
        """
        if self._stream is None or self._offset != first:
            self.close()
            self._stream = self._source.open(first, self._source.size_bytes - first)
            self._offset = first
        self._prefetched = self._prefetched or self._stream.read(min(PIECE_BYTES, length))
        if not self._prefetched:
            raise Transient("source_ended_early", "the video store sent fewer bytes than promised")

    def is_ready(self, seconds: float) -> bool:
        """Wait up to `seconds` for data; return whether `read` would make progress."""
        assert self._stream is not None
        return bool(self._prefetched) or self._stream.is_ready(seconds)

    def read(self, size: int, /) -> bytes | memoryview:
        """Return up to `size` bytes; empty only at the end of the video."""
        assert self._stream is not None
        piece, self._prefetched = self._prefetched[:size], self._prefetched[size:]
        piece = piece or self._stream.read(size)
        self._offset += len(piece)
        return piece

    def close(self) -> None:
        """Release the connection to the store."""
        if self._stream is not None:
            self._stream.close()
        self._stream, self._prefetched = None, b""
