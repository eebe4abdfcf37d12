"""A stored video as the handlers' source, with the store's failures as `PublishError`s."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from app.media.facts import VideoInvalid
from app.media.frames import still
from app.models import Rendition, Video
from app.storage import Storage, StoredObject
from app.storage import Stream as StoreStream
from app.storage.errors import ObjectChanged, ObjectMissing, StorageError, StoreUnavailable
from workers.errors import NetworkFailure, VideoRefused
from workers.platforms.sources import video_replaced
from workers.publishing.read_ahead import ReadAhead
from workers.request_body import PIECE_BYTES

#: Lifetime of a signed link given to a platform, which may queue its download.
LINK_SECONDS = 6 * 3600
#: YouTube shows covers of 1280 by 720: https://support.google.com/youtube/answer/72431
COVER_SIDE = 1280
#: Pauses before each retry of an interrupted read. A piece that arrives resets them.
PAUSES_SECONDS = (0.5, 2.0, 5.0)


@contextmanager
def store_errors() -> Iterator[None]:
    """Translate the store's errors into `PublishError`s."""
    try:
        yield
    except ObjectMissing as exc:
        raise VideoRefused(
            "video_missing",
            "the video is not in the store any more",
            hint="Put it back and retry, or publish another video",
        ) from exc
    except ObjectChanged as exc:
        raise video_replaced() from exc
    except StorageError as exc:
        raise NetworkFailure("store_unavailable", "the video store does not answer") from exc


class SteadyRange:
    """One range of one version of an object, read with retries.

    A retry resumes at the byte reached, and only with the same version, which each request asks
    for and each response is checked against. `read` returns up to `size` bytes, empty at the end.
    """

    def __init__(
        self,
        open_range: Callable[[int, int], StoreStream],
        first: int,
        length: int,
        pauses_seconds: Sequence[float] = PAUSES_SECONDS,
    ) -> None:
        self._open_range = open_range
        self._first, self._left = first, length
        self._pauses_seconds = pauses_seconds
        self._breaks = 0
        self._stopped = threading.Event()
        self._stream: StoreStream | None = None
        with store_errors():
            self._stream = open_range(first, length)

    def read(self, size: int, /) -> bytes:
        with store_errors():
            while self._left:
                try:
                    piece = self._read(min(size, self._left))
                except StoreUnavailable:
                    self.close()
                    if self._breaks == len(self._pauses_seconds) or self._stopped.is_set():
                        raise
                    self._stopped.wait(self._pauses_seconds[self._breaks])
                    self._breaks += 1
                else:
                    self._first, self._left = self._first + len(piece), self._left - len(piece)
                    self._breaks = 0
                    return piece
        return b""

    def is_ready(self, seconds: float) -> bool:
        """Return True: nothing is read ahead, so there is nothing to wait for."""
        return True

    def stop(self) -> None:
        """Stop retrying."""
        self._stopped.set()

    def close(self) -> None:
        """Release the connection to the store."""
        if self._stream is not None:
            self._stream.close()
            self._stream = None

    def _read(self, size: int) -> bytes:
        if self._stream is None:
            self._stream = self._open_range(self._first, self._left)
        return self._stream.read(size)


@dataclass(frozen=True)
class SourceFile:
    """The object that a platform gets: the video's own, or a rendition of it."""

    key: str
    etag: str
    size_bytes: int
    content_type: str
    duration_seconds: float

    @property
    def version(self) -> str:
        """A string unique to this version of this object."""
        return f"{self.key} {self.etag}"

    @classmethod
    def of(cls, file: Video | Rendition) -> SourceFile:
        """Return the object of a video, or of a ready rendition."""
        probe = file.probe or {}
        return cls(
            key=file.r2_key or "",
            etag=file.etag,
            size_bytes=file.file_size or 0,
            content_type=probe.get("content_type", "video/mp4"),
            duration_seconds=probe.get("duration_seconds", file.duration_seconds) or 0.0,
        )


def cover_of(storage: Storage, file: SourceFile, at_ms: int) -> bytes | None:
    """Return the frame at `at_ms` as JPEG; None if none can be extracted."""
    stored = StoredObject(file.size_bytes, file.etag, file.content_type)
    with store_errors():
        try:
            return still(storage, file.key, stored, at_ms / 1000, COVER_SIDE)
        except VideoInvalid:
            return None


class StoreSource:
    """One version of an object, the one probed: every range is read from it."""

    def __init__(self, storage: Storage, file: SourceFile) -> None:
        self._storage = storage
        self._file = file

    @property
    def size_bytes(self) -> int:
        return self._file.size_bytes

    @property
    def content_type(self) -> str:
        return self._file.content_type

    @property
    def filename(self) -> str:
        return self._file.key.rsplit("/", 1)[-1]

    @property
    def public_url(self) -> str | None:
        if not self._storage.has_public_links:
            return None
        # The object may have been uploaded without its type, or with a wrong one.
        return self._storage.signed_get_url(
            self._file.key, LINK_SECONDS, content_type=self._file.content_type
        )

    def open(self, first: int, length: int) -> SteadyRange | ReadAhead:
        """Open a range, with read-ahead for a long one. Raises as its `read` does."""
        steady = SteadyRange(self._open, first, length)
        return steady if length <= PIECE_BYTES else ReadAhead(steady)

    def _open(self, first: int, length: int) -> StoreStream:
        return self._storage.open(self._file.key, first, length, self._file.etag)
