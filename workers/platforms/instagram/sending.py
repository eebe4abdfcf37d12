"""Sending a video's bytes into a container.

https://developers.facebook.com/docs/instagram-platform/content-publishing/resumable-uploads
"""

from __future__ import annotations

from contextlib import closing

from workers.errors import PublishError, TokenExpired, Transient, UploadGone
from workers.platforms.base import Context
from workers.platforms.fields import child, text
from workers.platforms.instagram.client import login_type_of
from workers.platforms.instagram.codes import UPLOAD_TOKEN_TYPES
from workers.platforms.instagram.fields import sentence
from workers.platforms.instagram.refusals import failure, for_flavour, throttled
from workers.platforms.instagram.upload import InstagramUpload
from workers.transport import Body, Response, call

#: The answer to a whole video may take its time.
ANSWER_SECONDS = 180.0


def send_bytes(context: Context, upload: InstagramUpload, first: int) -> None:
    """Send everything from byte `first` on, in one body: no smaller pieces are documented.

    Raises `Transient` where sending on may help, `UploadGone` where the container cannot be
    cured, `TokenExpired` or `AccountRefused` for the token.
    """
    source = context.source
    length = source.size_bytes - first
    with closing(source.open(first, length)) as stream:
        body = Body(stream, length, lambda read: context.journal.sent(first + read))
        answer = call(
            "POST",
            upload.upload_url,
            read_seconds=ANSWER_SECONDS,
            data=body,
            headers={
                "Authorization": f"OAuth {context.access.token}",  # this host takes no Bearer
                "offset": str(first),
                "file_size": str(source.size_bytes),
                "Content-Type": "application/octet-stream",
            },
        )
    error = _upload_failure(answer, context)
    if error is not None:
        raise error


def _upload_failure(answer: Response, context: Context) -> PublishError | None:
    """Return what went wrong; failures may come with status 200, so only `success` counts."""
    fields = answer.json_object()
    if fields.get("success") is True:
        return None
    login_type = login_type_of(context.access)
    debug = child(fields, "debug_info")
    if not debug:
        error = failure(answer, now=context.now(), login_type=login_type)
        return error or Transient("bad_answer", "Instagram did not confirm the upload")
    kind = text(debug, "type") or f"http_{answer.status}"
    words = sentence(text(debug, "message")) or "Instagram refused the upload"
    if answer.status == 401 or kind in UPLOAD_TOKEN_TYPES:
        return for_flavour(TokenExpired(kind, words), login_type)
    if answer.status == 429:
        return throttled(kind, words, answer, context.now())
    if debug.get("retriable") is False and answer.status < 500:
        return UploadGone(kind, words).for_dead_upload()
    return Transient(kind, words)
