"""A video in the store, as the handlers read it."""

from __future__ import annotations

from typing import Protocol

from workers.request_body import BodyStream


class Stream(BodyStream, Protocol):
    """An open byte range of a video.

    `read` raises `Transient` if the store breaks off, `VideoRefused` if the object is gone or has
    changed.
    """

    def close(self) -> None:
        """Release the connection to the store."""


class Source(Protocol):
    """A video in the store, read by range and never held in memory as a whole."""

    @property
    def size_bytes(self) -> int:
        """The size of the whole object."""

    @property
    def content_type(self) -> str:
        """`video/mp4`, `video/quicktime` or `video/webm`, by the file's actual format."""

    @property
    def filename(self) -> str:
        """A file name, for platforms that store one."""

    @property
    def public_url(self) -> str | None:
        """A signed https link that a platform can fetch; None if the store has none."""

    def open(self, first: int, length: int) -> Stream:
        """Open `length` bytes starting at offset `first`."""
