"""Sending the bytes that an Instagram container lacks, in a single request.

https://developers.facebook.com/docs/instagram-platform/content-publishing/resumable-uploads
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from workers.errors import Transient
from workers.platforms.base import Context
from workers.platforms.instagram.client import Client
from workers.platforms.instagram.codes import MISSING_OBJECT
from workers.platforms.instagram.containers import IN_PROGRESS, error_of, read_container
from workers.platforms.instagram.judging import lacks_bytes
from workers.platforms.instagram.refusals import upload_error
from workers.platforms.instagram.upload import InstagramUpload
from workers.request_body import Body
from workers.transport import call

#: The response comes only after the whole video and may take long.
RESPONSE_SECONDS = 180.0


def send_missing(client: Client, context: Context, upload: InstagramUpload) -> InstagramUpload:
    """Send the missing bytes and return the upload to store; none if Instagram fetches the video.

    Raises `Transient` if resuming may help, `UploadGone` if the container is beyond repair,
    `TokenExpired` or `AccountRefused` for the token.
    """
    if not upload.upload_url or upload.is_sent:
        return upload
    first = _read_offset(client, context, upload) if upload.has_begun else 0
    if first is not None and first < context.source.size_bytes:
        started = replace(upload, has_begun=True, moved_at=context.now().timestamp())
        context.journal.save(started)
        _send_from(client, context, started, first)
    return replace(upload, has_begun=True, is_sent=True, moved_at=context.now().timestamp())


def _read_offset(client: Client, context: Context, upload: InstagramUpload) -> int | None:
    """Return the offset from which Instagram lacks bytes; None if it lacks none."""
    container = read_container(client, upload)
    if container is None:
        raise Transient(MISSING_OBJECT, "Instagram does not show the upload at the moment")
    if container.is_dead:
        raise error_of(container)
    is_waiting = lacks_bytes(upload, container, context.source.size_bytes)
    if container.status_code != IN_PROGRESS or not is_waiting:
        return None
    return container.received_bytes or 0


def _send_from(client: Client, context: Context, upload: InstagramUpload, first: int) -> None:
    """Send everything from offset `first` in one body: no chunks are documented."""
    source = context.source
    length = source.size_bytes - first
    with closing(source.open(first, length)) as stream:
        body = Body(stream, length, lambda read: context.journal.report_sent(first + read))
        response = call(
            "POST",
            upload.upload_url,
            read_seconds=RESPONSE_SECONDS,
            data=body,
            headers={
                "Authorization": f"OAuth {context.access.token}",  # this host accepts no Bearer
                "offset": str(first),
                "file_size": str(source.size_bytes),
                "Content-Type": "application/octet-stream",
            },
        )
    error = upload_error(response, context.now(), login_type=client.login_type)
    if error is not None:
        raise error
