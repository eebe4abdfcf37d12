"""Why something may not be done to a video.

VideoError
  ObjectRefused     the object that a key names cannot be registered
  VideoInUse        a job that has not ended needs the video
  LinkRefused       the upload's link, or what was sent to it, is not what was signed
  LinkUsed          the upload has arrived before
  NoPreview         there is no such picture of the video
"""


class VideoError(Exception):
    """Base of the refusals; the text is one sentence for a person."""


class ObjectRefused(VideoError):
    """Raised for a key without an object of the user's, or with one that is no video."""


class VideoInUse(VideoError):
    """Raised when a video is to be deleted while a job still needs it."""


class LinkRefused(VideoError):
    """Raised when an upload does not go with its link. `status` is HTTP's word for why."""

    def __init__(self, status: int, sentence: str) -> None:
        super().__init__(sentence)
        self.status = status


class LinkUsed(VideoError):
    """Raised when an object has already arrived by an upload's link."""


class NoPreview(VideoError):
    """Raised when a picture is asked for that a video does not have."""
