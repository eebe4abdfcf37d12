"""One version of a stored object, read here and there: cached, counted and bounded."""

from __future__ import annotations

from collections import OrderedDict

from app.media.facts import VideoInvalid
from app.storage import Storage, StoredObject

BLOCK_BYTES = 256 * 1024
_CACHED_BLOCKS = 16


class Window:
    """Reads an object in blocks, a few of which it remembers.

    `read_bytes` is what the store has sent so far. Past `max_bytes` it gives up on the video, so
    that a file that leads its reader in circles costs no more than that.
    """

    def __init__(self, storage: Storage, key: str, stat: StoredObject, max_bytes: int) -> None:
        self._storage = storage
        self._key = key
        self._stat = stat
        self._max_bytes = max_bytes
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self.read_bytes = 0

    @property
    def size_bytes(self) -> int:
        """The object's whole length."""
        return self._stat.size_bytes

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the object's end.

        Raises `VideoInvalid` past the bound and any `StorageError`.
        """
        end = min(offset + length, self.size_bytes)
        pieces = []
        while offset < end:
            number, skipped = divmod(offset, BLOCK_BYTES)
            piece = self._block(number)[skipped : skipped + end - offset]
            pieces.append(piece)
            offset += len(piece)
        return b"".join(pieces)

    def _block(self, number: int) -> bytes:
        block = self._blocks.get(number)
        if block is None:
            block = self._blocks[number] = self._fetch(number)
            if len(self._blocks) > _CACHED_BLOCKS:
                self._blocks.popitem(last=False)
        self._blocks.move_to_end(number)
        return block

    def _fetch(self, number: int) -> bytes:
        first = number * BLOCK_BYTES
        length = min(BLOCK_BYTES, self.size_bytes - first)
        if self.read_bytes + length > self._max_bytes:
            raise VideoInvalid(
                "video_unreadable",
                f"Too much of the file ({self._max_bytes // 2**20} MiB) has to be read to find out"
                " what it is.",
            )
        self.read_bytes += length
        pieces = []
        with self._storage.open(self._key, first, length, self._stat.etag) as stream:
            while piece := stream.read(length):
                pieces.append(piece)
        return b"".join(pieces)
