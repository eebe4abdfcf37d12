"""Search for a TikTok post in the account's list, once its publish id is no longer known.

The list shows public posts only, with captions cut to 150 characters. A single post that matches
in every respect and that no other job owns is ours; finding none proves nothing.
https://developers.tiktok.com/doc/tiktok-api-v2-video-list
https://developers.tiktok.com/docs/en/tiktok-api-v2-video-object
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from workers.errors import AccountRefused, RequestRefused
from workers.platforms.base import Context
from workers.platforms.fields import children, text, whole
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.codes import LIST_SCOPE
from workers.platforms.tiktok.fields import flag
from workers.platforms.tiktok.upload import TikTokUpload

FIELDS = "id,create_time,video_description,duration"
PAGE_VIDEOS = 20
PAGES_MAX = 10
CAPTION_CUT_CHARS = 150
#: The tolerated difference between TikTok's clock and ours.
CLOCK_SKEW_SECONDS = 60
#: The list rounds durations to whole seconds, and containers round too.
DURATION_TOLERANCE_SECONDS = 1.5


def find_post(client: Client, context: Context, upload: TikTokUpload) -> str | None:
    """Return the id of the only post that can be this upload's; None if there is any doubt."""
    if not can_find(context, upload):
        return None
    since = (upload.final_started_at or context.now().timestamp()) - CLOCK_SKEW_SECONDS
    try:
        found = [
            text(video, "id")
            for video in _videos_since(client, since)
            if _matches(context, video) and not context.is_known_post(text(video, "id"))
        ]
    except (AccountRefused, RequestRefused):
        return None  # the list may not be read, which proves nothing either
    return found[0] if len(found) == 1 else None


def can_find(context: Context, upload: TikTokUpload) -> bool:
    """Return whether the list may be read and would show the post recognizably."""
    may_list = LIST_SCOPE in context.access.scopes
    return may_list and upload.is_public and bool(context.draft.text)


def _videos_since(client: Client, since: float) -> Iterator[Mapping[str, Any]]:
    """Yield the videos created since then (epoch seconds), newest first."""
    cursor: int | None = None
    for _ in range(PAGES_MAX):
        body = {"max_count": PAGE_VIDEOS} | ({} if cursor is None else {"cursor": cursor})
        data = client.post("video/list/", body, fields=FIELDS)
        for video in children(data, "videos"):
            if (whole(video, "create_time") or 0) < since:
                return
            yield video
        cursor = whole(data, "cursor")
        if cursor is None or not flag(data, "has_more"):
            return


def _matches(context: Context, video: Mapping[str, Any]) -> bool:
    duration = whole(video, "duration")
    has_id = bool(text(video, "id"))
    is_as_long = (
        duration is not None
        and abs(duration - context.draft.duration_seconds) <= DURATION_TOLERANCE_SECONDS
    )
    return has_id and is_as_long and _is_caption(text(video, "video_description"), context)


def _is_caption(shown: str, context: Context) -> bool:
    """Return whether a description is the caption, or the caption cut to the list's limit."""
    caption = context.draft.text
    is_cut = len(shown.encode("utf-16-le")) // 2 >= CAPTION_CUT_CHARS - 1
    return shown == caption or (is_cut and caption.startswith(shown))
