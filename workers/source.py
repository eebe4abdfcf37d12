"""A video of the store as the handlers see it, with the store's failures in their words."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from app.storage import Storage
from app.storage import Stream as StoreStream
from app.storage.errors import ObjectChanged, ObjectMissing, StorageError
from workers.errors import NetworkFailure, VideoRefused

#: How long a signed link given to a platform works: it may queue its download.
LINK_SECONDS = 6 * 3600


@contextmanager
def store_errors() -> Iterator[None]:
    """Raise the pipeline's errors instead of the store's."""
    try:
        yield
    except ObjectMissing as exc:
        raise VideoRefused(
            "video_missing", "the video is not in the store any more", hint="Upload it again"
        ) from exc
    except ObjectChanged as exc:
        raise VideoRefused(
            "video_changed", "the video was replaced while it was being published"
        ) from exc
    except StorageError as exc:
        raise NetworkFailure("store_unavailable", "the video store does not answer") from exc


class TranslatedStream:
    """One open range, raising what a handler expects."""

    def __init__(self, stream: StoreStream) -> None:
        self._stream = stream

    def read(self, size: int, /) -> bytes:
        with store_errors():
            return self._stream.read(size)

    def close(self) -> None:
        self._stream.close()


class StoreSource:
    """One object, as it was when it was probed: every range is read of that same version."""

    def __init__(self, storage: Storage, key: str, etag: str, size: int, content_type: str) -> None:
        self._storage = storage
        self._key = key
        self._etag = etag
        self._size_bytes = size
        self._content_type = content_type

    @property
    def size_bytes(self) -> int:
        return self._size_bytes

    @property
    def content_type(self) -> str:
        return self._content_type

    @property
    def filename(self) -> str:
        return self._key.rsplit("/", 1)[-1]

    @property
    def public_url(self) -> str | None:
        if not self._storage.has_public_links:
            return None
        return self._storage.signed_get_url(self._key, LINK_SECONDS)

    def open(self, first: int, length: int) -> TranslatedStream:
        with store_errors():
            return TranslatedStream(self._storage.open(self._key, first, length, self._etag))
