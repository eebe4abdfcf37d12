"""Reasons why an operation on a video is refused.

VideoError
  ObjectRefused     the object cannot be registered
  VideoInUse        a job that has not ended needs the video
  LinkRefused       the upload does not match its signed link, or the link is not valid
  LinkUsed          the upload has already arrived
  NoPreview         the video has no such preview
"""


class VideoError(Exception):
    """Base of the refusals; the message is one sentence for a person."""


class ObjectRefused(VideoError):
    """Raised for a key that names no object of the user's, or one that is not a video."""


class VideoInUse(VideoError):
    """Raised on deleting a video that a job still needs."""


class LinkRefused(VideoError):
    """Raised when an upload does not match its link. `status` is the HTTP status to return."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class LinkUsed(VideoError):
    """Raised when an upload link has already been used."""


class NoPreview(VideoError):
    """Raised when a video does not have the requested preview."""
