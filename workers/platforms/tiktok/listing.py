"""Looks for a post in the account's list, where its publish id does not tell any more.

The list holds public posts only, with captions cut to 150 characters. A post that fits in every
way and that no other job owns is ours; that none fits proves nothing.
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
CUT_CHARS = 150
#: TikTok's clock and ours may differ by this much.
CLOCK_SECONDS = 60
#: The list has whole seconds, and containers round too.
DURATION_SECONDS = 1.5


def find_post(client: Client, context: Context, upload: TikTokUpload) -> str | None:
    """Return the id of the one post that can only be this upload's; None when in doubt."""
    if not may_find(context, upload):
        return None
    since = (upload.final_started_at or context.now().timestamp()) - CLOCK_SECONDS
    try:
        found = [
            text(video, "id")
            for video in _videos_since(client, since)
            if _fits(context, video) and not context.is_known_post(text(video, "id"))
        ]
    except (AccountRefused, RequestRefused):
        return None  # nobody may look: that leaves the doubt as it was
    return found[0] if len(found) == 1 else None


def may_find(context: Context, upload: TikTokUpload) -> bool:
    """Tell whether the list may be read, and would show the post so that it can be known."""
    may_list = LIST_SCOPE in context.access.scopes
    return may_list and upload.is_public and bool(context.draft.text)


def _videos_since(client: Client, since: float) -> Iterator[Mapping[str, Any]]:
    """Yield the videos that were made since then, newest first."""
    cursor: int | None = None
    for _ in range(PAGES_MAX):
        body = {"max_count": PAGE_VIDEOS} | ({} if cursor is None else {"cursor": cursor})
        data = client.ask("video/list/", body, fields=FIELDS)
        for video in children(data, "videos"):
            if (whole(video, "create_time") or 0) < since:
                return
            yield video
        cursor = whole(data, "cursor")
        if cursor is None or not flag(data, "has_more"):
            return


def _fits(context: Context, video: Mapping[str, Any]) -> bool:
    duration = whole(video, "duration")
    is_as_long = (
        duration is not None and abs(duration - context.draft.duration_seconds) <= DURATION_SECONDS
    )
    is_named = bool(text(video, "id"))
    return is_named and is_as_long and _is_cut_of(text(video, "video_description"), context)


def _is_cut_of(shown: str, context: Context) -> bool:
    """Say whether a shown text is the caption, or as much of it as the list has room for."""
    caption = context.draft.text
    has_no_room = len(shown.encode("utf-16-le")) // 2 >= CUT_CHARS - 1
    return shown == caption or (has_no_room and caption.startswith(shown))
