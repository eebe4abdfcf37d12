"""The interface of a video store; `folder.py` and `s3.py` implement it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Protocol, TypeVar

from app.storage.errors import InvalidLink, StoreUnavailable

LINK_MAX_SECONDS = 7 * 86400  # the maximum of Signature Version 4
StreamT = TypeVar("StreamT", bound="Stream")


@dataclass(frozen=True)
class StoredObject:
    """An object as it is in the store now. `etag` changes whenever the bytes do."""

    size_bytes: int
    etag: str
    content_type: str


@dataclass(frozen=True)
class SignedUpload:
    """A request by which a client may upload one object.

    `url` is a secret until `expires_at` (aware UTC). The client sends exactly `headers`, and a body
    of exactly the signed length.
    """

    url: str = field(repr=False)
    method: str
    headers: Mapping[str, str]
    expires_at: datetime


@dataclass(frozen=True)
class UploadGrant:
    """What a signed upload link to this service allows."""

    key: str
    content_type: str
    size_bytes: int
    expires_at: datetime


class Readable(Protocol):
    """A source of bytes."""

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, empty at the end."""


class Stream(ABC):
    """One open range of an object. Close it, or use it in a `with`."""

    def __init__(self, length: int) -> None:
        self._left_bytes = length

    def read(self, size: int, /) -> bytes:
        """Return up to `size` bytes, empty only at the end of the range.

        Raises `StoreUnavailable` when the store breaks off, and `ObjectChanged` where it can tell
        that the object was replaced meanwhile.
        """
        wanted = min(size, self._left_bytes)
        if wanted <= 0:
            return b""
        piece = self._fetch(wanted)
        if not piece:
            raise StoreUnavailable("The video store broke off in the middle of the video.")
        self._left_bytes -= len(piece)
        return piece

    @abstractmethod
    def close(self) -> None:
        """Release the connection or the file. Idempotent."""

    @abstractmethod
    def _fetch(self, size: int) -> bytes:
        """Return 1 to `size` bytes, or none at the end of the source."""

    def __enter__(self: StreamT) -> StreamT:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class Storage(ABC):
    """A store of videos by key. Thread-safe, and usable across a fork.

    Every method may raise any `StorageError`; those that take a key raise `InvalidKey` unless it
    is a plain relative path.
    """

    @property
    @abstractmethod
    def has_public_links(self) -> bool:
        """Whether a platform can fetch a `signed_get_url` itself: over https, from outside."""

    @abstractmethod
    def stat(self, key: str) -> StoredObject:
        """Return an object's metadata; raises `ObjectMissing`."""

    @abstractmethod
    def open(self, key: str, first: int, length: int, etag: str) -> Stream:
        """Open `length` ≥ 1 bytes from offset `first` of the version with this `etag`.

        Raises `ObjectMissing`, and `ObjectChanged` when it is another version now.
        """

    @abstractmethod
    def write(self, key: str, body: Readable, length: int) -> StoredObject:
        """Store exactly `length` bytes of `body` atomically; replaces an existing object.

        Raises `WrongLength` when the body is shorter or longer. Exceptions of `body.read` pass
        through, and nothing is left behind.
        """

    def receive(self, key: str, body: Readable, length: int) -> StoredObject:
        """Store an upload's body as `write` does, unless the object is there.

        Raises `UploadTaken`, and `StoreUnavailable` while another process or thread receives the
        same object. Only a folder receives uploads.
        """
        raise InvalidLink("This service accepts no uploads itself.")

    @abstractmethod
    def delete(self, key: str) -> None:
        """Delete an object. Idempotent: a missing one is no error."""

    @abstractmethod
    def signed_get_url(self, key: str, expires_seconds: int, *, content_type: str = "") -> str:
        """Return a link that lets anyone read the object until it expires (≤ 7 days).

        A `content_type` is what the response names, whatever the object was stored with; a folder
        always goes by the key.
        """

    @abstractmethod
    def signed_put(
        self, key: str, content_type: str, size_bytes: int, expires_seconds: int
    ) -> SignedUpload:
        """Return a request by which a client may upload this object, of this length and type."""

    def verify_download(self, token: str, now: datetime) -> str:
        """Return the key that a `/media/<token>` link grants; raises `InvalidLink`.

        Only a folder issues such links.
        """
        raise InvalidLink("This service issues no links of its own.")

    def verify_upload(self, token: str, now: datetime) -> UploadGrant:
        """Return what a `/api/videos/uploads/<token>` link grants; raises `InvalidLink`.

        Only a folder issues such links.
        """
        raise InvalidLink("This service accepts no uploads itself.")

    def prune_partials(self, older_than_seconds: float) -> int:
        """Delete the leftovers of failed writes and return how many; 0 for a store that does so
        by itself."""
        return 0


def checked_expiry(expires_seconds: int) -> int:
    """Return a link's lifetime if it is 1 second to 7 days; raises `ValueError` otherwise."""
    if not 1 <= expires_seconds <= LINK_MAX_SECONDS:
        raise ValueError(f"a signed link lives 1 to {LINK_MAX_SECONDS} seconds")
    return expires_seconds


def checked_range(first: int, length: int) -> None:
    """Raise `ValueError` for an impossible range."""
    if first < 0 or length < 1:
        raise ValueError("a range starts at 0 or later and has at least 1 byte")
