"""Random access to one version of a stored object: cached, counted and bounded."""

from __future__ import annotations

from collections import OrderedDict

from app.media.facts import VideoInvalid
from app.storage import Storage, StoredObject

BLOCK_BYTES = 256 * 1024
_CACHED_BLOCKS = 16


class Window:
    """Reads an object in blocks and caches the most recent ones.

    `read_bytes` counts what the store has sent. Beyond `max_bytes` the video is refused, which
    bounds the cost of a file that leads its reader in circles.
    """

    def __init__(self, storage: Storage, key: str, stat: StoredObject, max_bytes: int) -> None:
        self._storage = storage
        self._key = key
        self._stat = stat
        self._max_bytes = max_bytes
        self._blocks: OrderedDict[int, bytes] = OrderedDict()
        self.read_bytes = 0

    def restart(self) -> None:
        """Count again from zero, for another reader of the same object."""
        self.read_bytes = 0

    @property
    def size_bytes(self) -> int:
        """The object's total length."""
        return self._stat.size_bytes

    def read_at(self, offset: int, length: int) -> bytes:
        """Return `length` bytes from `offset`, fewer only at the object's end.

        Raises `VideoInvalid` beyond the bound, and any `StorageError`.
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
                f"More than {self._max_bytes // 2**20} MiB of the file would have to be read to"
                " inspect it.",
            )
        self.read_bytes += length
        pieces = []
        with self._storage.open(self._key, first, length, self._stat.etag) as stream:
            while piece := stream.read(length):
                pieces.append(piece)
        return b"".join(pieces)
