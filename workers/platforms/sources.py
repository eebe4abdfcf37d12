"""A video in the store, as the handlers read it."""

from __future__ import annotations

from typing import Protocol

from workers.errors import VideoRefused
from workers.request_body import BodyStream

#: By how much a converted file may exceed the longest duration: its sound ends with a whole frame.
PADDING_SECONDS = 0.1


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


def video_replaced(*, may_be_live: bool = True) -> VideoRefused:
    """Return the error for a video that is not the one whose upload was opened.

    Not `may_be_live`: the upload's last byte was never sent, so it has published nothing.
    """
    error = VideoRefused("video_changed", "the video was replaced while it was being published")
    return error if may_be_live else error.for_dead_upload()
