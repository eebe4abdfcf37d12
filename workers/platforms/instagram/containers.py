"""The state of an Instagram container, and the errors it stands for.

https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-container
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from workers.errors import (
    AccountRefused,
    PublishError,
    RateLimited,
    RequestRefused,
    TokenExpired,
    Transient,
    UploadGone,
    VideoRefused,
)
from workers.platforms.fields import child, text, whole
from workers.platforms.instagram.client import Client
from workers.platforms.instagram.codes import SUBCODES, UNREADABLE
from workers.platforms.instagram.fields import sentence
from workers.platforms.instagram.upload import InstagramUpload

IN_PROGRESS, FINISHED, PUBLISHED = "IN_PROGRESS", "FINISHED", "PUBLISHED"
ERROR, EXPIRED = "ERROR", "EXPIRED"
#: A container's lifetime, whatever its state.
#: https://developers.facebook.com/docs/instagram-platform/content-publishing
LIFETIME_SECONDS = 24 * 3600
_FIELDS = "id,status_code,status"
#: For containers that we send the bytes of: `video_status` is documented only for these.
#: https://developers.facebook.com/docs/instagram-platform/content-publishing/resumable-uploads
_UPLOAD_FIELDS = f"{_FIELDS},video_status"
#: `status` is prose for people that contains the publishing subcode somewhere.
_SUBCODE = re.compile(r"(?<!\d)22070\d\d(?!\d)")
#: It begins with the state.
_FAILED = re.compile(r"Error\b")
_UPLOADED = "complete"


@dataclass(frozen=True)
class Container:
    """One read of a container. `received_bytes` is None if the response does not state it."""

    status_code: str
    status: str
    received_bytes: int | None
    has_all_bytes: bool

    @property
    def is_dead(self) -> bool:
        """Return whether it can never be published any more."""
        return self.status_code in (ERROR, EXPIRED)


def read_container(client: Client, upload: InstagramUpload) -> Container | None:
    """Read the upload's container; None if the platform does not show it, or not yet."""
    try:
        fields = client.get(
            upload.container_id, fields=_UPLOAD_FIELDS if upload.upload_url else _FIELDS
        )
    except PublishError as error:
        if error.code in UNREADABLE:
            return None
        raise
    status = text(fields, "status")
    status_code = text(fields, "status_code")
    if not status_code and upload.publishing_at is None and _tells_failure(status):
        status_code = ERROR
    if not status_code:
        raise Transient("bad_answer", "Instagram did not state the status of the upload")
    uploading = child(child(fields, "video_status"), "uploading_phase")
    return Container(
        status_code=status_code,
        status=status,
        received_bytes=whole(uploading, "bytes_transferred"),
        has_all_bytes=text(uploading, "status") == _UPLOADED,
    )


def _tells_failure(status: str) -> bool:
    """Return whether the words alone say that the container has failed.

    Taken at their word only before a publish: then another container does no harm.
    """
    found = _SUBCODE.search(status)
    return _FAILED.match(status) is not None or (found is not None and int(found[0]) in SUBCODES)


@contextmanager
def while_maybe_live(upload: InstagramUpload) -> Iterator[None]:
    """Turn a refused read into `Transient` once the container may have been published.

    A refused read proves nothing, so it must not end the job as if nothing were live. Only a
    token that is refused for good does: without another one, no read can succeed.
    """
    try:
        yield
    except (AccountRefused, RequestRefused, VideoRefused) as error:
        needs_token = isinstance(error, AccountRefused) and error.reconnect
        if upload.publishing_at is None or error.upload_is_dead or needs_token:
            raise
        raise Transient(error.code, error.detail, hint=error.hint) from error


def error_of(container: Container) -> PublishError:
    """Return the error for a container in ERROR or EXPIRED that has published nothing.

    It is `UploadGone` if another container may succeed, and for an unknown subcode.
    """
    found = _SUBCODE.search(container.status)
    if container.status_code == EXPIRED or found is None or int(found[0]) not in SUBCODES:
        code = found[0] if found else f"container_{container.status_code.lower()}"
        return UploadGone(code, _detail(container)).for_dead_upload()
    number, verdict = SUBCODES[int(found[0])]
    code = found[0] if number is None else f"{number}/{found[0]}"
    if issubclass(verdict.error, (Transient, UploadGone, RateLimited, TokenExpired)):
        return UploadGone(code, _detail(container)).for_dead_upload()
    return verdict.error_for(code, _detail(container)).for_dead_upload()


def _detail(container: Container) -> str:
    if container.status_code == EXPIRED:
        return "Instagram let the upload expire"
    return sentence(container.status) or "Instagram could not process the video"
