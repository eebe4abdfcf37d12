"""Opening a YouTube upload: scope and duration checks, then a resumable session.

https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol
"""

from __future__ import annotations

from collections.abc import Mapping

from workers.errors import AccountRefused, RequestRefused, VideoRefused
from workers.platforms.base import Access, Context
from workers.platforms.fields import child, children, text
from workers.platforms.youtube import codes
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.session import session_uri
from workers.platforms.youtube.upload import YouTubeUpload
from workers.platforms.youtube.video_resource import file_name, insert_query, video_resource

#: Videos over 15 minutes need a verified channel. https://support.google.com/youtube/answer/71673
SHORT_SECONDS = 15 * 60
LONG_SECONDS = 12 * 3600
#: By `longUploadsStatus`.
#: https://developers.google.com/youtube/v3/docs/channels#status.longUploadsStatus
_DURATION_LIMITS: Mapping[str, int] = {
    "allowed": LONG_SECONDS,
    "eligible": SHORT_SECONDS,
    "disallowed": SHORT_SECONDS,
}


def check_scope(access: Access) -> None:
    """Raise `AccountRefused` if none of the account's scopes allows uploads."""
    if access.scopes and access.scopes.isdisjoint(codes.UPLOAD_SCOPES):
        raise codes.UPLOAD_SCOPE_MISSING.error_for(
            "upload_scope_missing", "the account was connected without the permission to upload"
        )


def open_upload(client: Client, context: Context) -> YouTubeUpload:
    """Open a session: one of the application's daily uploads.

    No video exists before the session's last byte, so a lost response does no harm. Raises
    `VideoRefused` for a video that is too long for the channel.
    """
    _check_duration(client, context)
    source, draft = context.source, context.draft
    resource = video_resource(draft)
    name = file_name(draft, source.content_type)
    opened_at = context.now().timestamp()
    client.spend_insert()
    response = client.request(
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
    location = response.headers.get("Location", "")
    if response.status != 200 or not location:
        raise client.api_error(response)
    uri = session_uri(client.api, f"{client.api.url}/", location)
    return YouTubeUpload(uri, source.size_bytes, name, opened_at)


def _check_duration(client: Client, context: Context) -> None:
    """Reject a video that is too long for the channel; asks YouTube only for a long one."""
    seconds = context.draft.duration_seconds
    if seconds <= SHORT_SECONDS:
        return
    limit = _duration_limit(client)
    if limit is None:
        return
    context.journal.learn_limit(limit)
    if seconds > limit:
        raise VideoRefused(
            "duration_max",
            f"the video has {seconds:.1f} s, and the YouTube channel may post {limit} s",
            hint="Verify the channel at youtube.com/verify, or cut the video",
        )


def _duration_limit(client: Client) -> int | None:
    """Return the channel's limit in seconds; None if unknown or not readable with this token."""
    try:
        items = children(client.get("channels", part="status", mine="true"), "items")
    except (AccountRefused, RequestRefused):
        return None
    status = text(child(items[0], "status"), "longUploadsStatus") if items else ""
    return _DURATION_LIMITS.get(status)
