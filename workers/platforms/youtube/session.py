"""The resumable upload session: open one, ask how far it is, send bytes into it.

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
    Transient,
    UploadGone,
)
from workers.platforms.addresses import may_send_to
from workers.platforms.base import Api, Context
from workers.platforms.fields import text
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.resource import file_name, insert_query, video_resource
from workers.platforms.youtube.upload import YouTubeUpload
from workers.transport import Body, Response

RESUME_INCOMPLETE = 308
DONE = frozenset({200, 201})
GONE = frozenset({404, 410})
_RECEIVED = re.compile(r"bytes=0-([0-9]{1,18})", re.ASCII)
_GOOGLE_DOMAIN = ".googleapis.com"


class SessionLost(OutcomeUnknown):
    """Raised when the session cannot tell any more whether its final request was taken."""


@dataclass(frozen=True)
class Held:
    """The session lacks bytes; it has `received_bytes`. `session_uri`: where it is from now on."""

    received_bytes: int
    session_uri: str


@dataclass(frozen=True)
class Complete:
    """The session has every byte: the video exists."""

    video: dict[str, Any]


def open_session(client: Client, context: Context) -> YouTubeUpload:
    """Ask for a session. Nothing can exist before its last byte, so doing it twice is harmless."""
    source, draft = context.source, context.draft
    resource = video_resource(draft)
    name = file_name(draft, source.content_type)
    opened_at = context.now().timestamp()
    client.spend_insert()
    answer = client.send(
        "POST",
        f"{client.api.url}/upload/youtube/v3/videos",
        params=insert_query(draft, resource),
        headers={
            "Content-Type": "application/json; charset=UTF-8",
            "X-Upload-Content-Length": str(source.size_bytes),
            "X-Upload-Content-Type": source.content_type,
            "Slug": name,
        },
        json=resource,
    )
    location = answer.headers.get("Location", "")
    if answer.status != 200 or not location:
        raise client.refused(answer)
    uri = _session_uri(client.api, f"{client.api.url}/", location)
    return YouTubeUpload(uri, source.size_bytes, name, opened_at)


def query(client: Client, upload: YouTubeUpload) -> Held | Complete:
    """Ask how far the session is; after its completion it repeats the final answer.

    Raises `UploadGone` when it is gone and no final request was ever started, `SessionLost` when
    it is gone and one was.
    """
    has_started_final = upload.final_started_at is not None
    answer = client.send(
        "PUT",
        upload.session_uri,
        headers={"Content-Range": f"bytes */{upload.size_bytes}"},
        data=b"",
    )
    try:
        return _state(client, upload, answer, acts=has_started_final)
    except (AccountRefused, RequestRefused) as error:
        if has_started_final:
            raise SessionLost(error.code, error.detail) from error
        raise error.for_dead_upload() if isinstance(error, RequestRefused) else error


def put(
    client: Client,
    upload: YouTubeUpload,
    *,
    content_type: str,
    first: int,
    body: Body,
) -> Held | Complete:
    """Send the bytes from offset `first` on; raises as `query` does."""
    last = first + body.length - 1
    acts = last + 1 == upload.size_bytes
    answer = client.send(
        "PUT",
        upload.session_uri,
        acts=acts,
        headers={
            "Content-Type": content_type,
            "Content-Range": f"bytes {first}-{last}/{upload.size_bytes}",
        },
        data=body,
    )
    return _state(client, upload, answer, acts=acts)


def _state(
    client: Client, upload: YouTubeUpload, answer: Response, *, acts: bool
) -> Held | Complete:
    if answer.status == RESUME_INCOMPLETE:
        return _held(client.api, upload, answer)
    if answer.status in DONE:
        video = answer.json_object()
        if text(video, "id"):
            return Complete(video)
    if answer.status in GONE:
        raise _gone(upload)
    raise client.refused(answer, acts=acts)


def _held(api: Api, upload: YouTubeUpload, answer: Response) -> Held:
    location = answer.headers.get("Location", "")
    uri = _session_uri(api, upload.session_uri, location) if location else upload.session_uri
    received = answer.headers.get("Range", "")
    if not received:
        return Held(0, uri)
    match = _RECEIVED.fullmatch(received.strip())
    count = int(match[1]) + 1 if match else -1
    if not 0 <= count <= upload.size_bytes:
        raise Transient("bad_range", "YouTube named an impossible number of bytes received")
    return Held(count, uri)


def _gone(upload: YouTubeUpload) -> PublishError:
    if upload.final_started_at is None:
        return UploadGone("upload_session_gone", "YouTube has dropped the unfinished upload")
    return SessionLost("upload_session_gone", "YouTube has dropped the session of the upload")


def _session_uri(api: Api, base: str, location: str) -> str:
    """Return the session's address; the token must not follow it to a stranger's host."""
    try:
        uri = urljoin(base, location)
    except ValueError:
        uri = ""
    if not may_send_to(uri, api.url, domain=_GOOGLE_DOMAIN):
        raise Transient("bad_location", "YouTube named no upload address of its own")
    return uri
