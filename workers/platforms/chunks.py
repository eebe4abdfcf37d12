"""Reads a video for platforms that take it in chunks."""

from __future__ import annotations

from workers.errors import Transient
from workers.platforms.base import Source, Stream
from workers.transport import PIECE_BYTES


class ChunkReader:
    """Reads a video from front to back through one open range, however it is cut.

    So the store goes on being read while the platform answers to a chunk. `read` gives the bytes
    of the chunk that was begun last; it is the caller who knows where that ends. Close it.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._stream: Stream | None = None
        self._place = 0
        self._early: bytes | memoryview = b""

    def begin(self, first: int, length: int) -> None:
        """Be ready to give the bytes from `first` on: the first of them have arrived.

        Raises as `Source.open` and `Stream.read` do, so that nothing is announced to a platform
        which the store would not give.
        """
        if self._stream is None or self._place != first:
            self.close()
            self._stream = self._source.open(first, self._source.size_bytes - first)
            self._place = first
        self._early = self._early or self._stream.read(min(PIECE_BYTES, length))
        if not self._early:
            raise Transient("source_ended_early", "the video store sent fewer bytes than promised")

    def is_ready(self, seconds: float) -> bool:
        """Wait that long at most, and say whether it is of use to read now."""
        assert self._stream is not None
        return bool(self._early) or self._stream.is_ready(seconds)

    def read(self, size: int, /) -> bytes | memoryview:
        """Return up to `size` bytes, empty only at the end of the video."""
        assert self._stream is not None
        piece, self._early = self._early[:size], self._early[size:]
        piece = piece or self._stream.read(size)
        self._place += len(piece)
        return piece

    def close(self) -> None:
        """Let the store's connection go."""
        if self._stream is not None:
            self._stream.close()
        self._stream, self._early = None, b""
