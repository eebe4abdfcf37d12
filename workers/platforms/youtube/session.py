"""YouTube's resumable upload session: read its state, send bytes into it.

https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any
from urllib.parse import urljoin

from workers.errors import (
    AccountRefused,
    OutcomeUnknown,
    PublishError,
    RequestRefused,
    TokenExpired,
    Transient,
    UploadGone,
)
from workers.platforms.addresses import may_send_to
from workers.platforms.base import Api
from workers.platforms.fields import text
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.upload import YouTubeUpload
from workers.request_body import Body
from workers.transport import Response

RESUME_INCOMPLETE = 308
DONE = frozenset({200, 201})
GONE = frozenset({404, 410})
UNAUTHORIZED = 401
_RECEIVED = re.compile(r"bytes=0-([0-9]{1,18})", re.ASCII)
_GOOGLE_DOMAIN = ".googleapis.com"


class SessionLost(OutcomeUnknown):
    """Raised when the session can no longer tell whether its final request was accepted."""


@dataclass(frozen=True)
class SessionOpen:
    """The session has `received_bytes` so far; `session_uri` is the URI to use from now on."""

    received_bytes: int
    session_uri: str


@dataclass(frozen=True)
class SessionComplete:
    """The session has every byte: the video exists. `video` is its resource."""

    video: dict[str, Any]


SessionState = SessionOpen | SessionComplete


def read_session(client: Client, upload: YouTubeUpload) -> SessionState:
    """Query the session's status; once complete, it repeats the final response.

    If the session is gone, raises `UploadGone` if no final request was ever started, otherwise
    `SessionLost`.
    """
    has_started_final = upload.final_started_at is not None
    response = client.request(
        "PUT",
        upload.session_uri,
        headers={"Content-Range": f"bytes */{upload.size_bytes}"},
        data=b"",
    )
    try:
        return _state(client, upload, response, acts=has_started_final)
    except (AccountRefused, RequestRefused) as error:
        if has_started_final:
            raise SessionLost(error.code, error.detail) from error
        raise error.for_dead_upload() if isinstance(error, RequestRefused) else error


def put_bytes(
    client: Client,
    upload: YouTubeUpload,
    *,
    content_type: str,
    first: int,
    body: Body,
) -> SessionState:
    """Send the bytes of `body` from offset `first`.

    Raises any `PublishError`; if the session is gone, as `read_session` does.
    """
    last = first + body.length - 1
    acts = last + 1 == upload.size_bytes
    response = client.request(
        "PUT",
        upload.session_uri,
        acts=acts,
        headers={
            "Content-Type": content_type,
            "Content-Range": f"bytes {first}-{last}/{upload.size_bytes}",
        },
        data=body,
    )
    return _state(client, upload, response, acts=acts)


def session_uri(api: Api, base: str, location: str) -> str:
    """Return a session URI from a `Location` header, resolved against `base`.

    Raises `Transient` for a foreign host: the account's token must not be sent there.
    """
    try:
        uri = urljoin(base, location)
    except ValueError:
        uri = ""
    if not may_send_to(uri, api.url, below=_GOOGLE_DOMAIN):
        raise Transient("bad_location", "YouTube named no upload address of its own")
    return uri


def _state(
    client: Client, upload: YouTubeUpload, response: Response, *, acts: bool
) -> SessionState:
    if response.status == RESUME_INCOMPLETE:
        return _open_state(client.api, upload, response)
    if response.status in DONE:
        video = response.json_object()
        if text(video, "id"):
            return SessionComplete(video)
    if response.status in GONE:
        raise _gone(upload)
    error = client.api_error(response, acts=acts)
    if response.status == UNAUTHORIZED and isinstance(error, (Transient, OutcomeUnknown)):
        # A session may say no more than that. The next request reads it, whatever this one did.
        raise TokenExpired(error.code, error.detail)
    raise error


def _open_state(api: Api, upload: YouTubeUpload, response: Response) -> SessionOpen:
    location = response.headers.get("Location", "")
    uri = session_uri(api, upload.session_uri, location) if location else upload.session_uri
    received = response.headers.get("Range", "")
    if not received:
        return SessionOpen(0, uri)
    match = _RECEIVED.fullmatch(received.strip())
    count = int(match[1]) + 1 if match else -1
    if not 0 <= count <= upload.size_bytes:
        raise Transient("bad_range", "YouTube named an impossible number of bytes received")
    return SessionOpen(count, uri)


def _gone(upload: YouTubeUpload) -> PublishError:
    if upload.final_started_at is None:
        return UploadGone("upload_session_gone", "YouTube has dropped the unfinished upload")
    return SessionLost("upload_session_gone", "YouTube has dropped the session of the upload")
