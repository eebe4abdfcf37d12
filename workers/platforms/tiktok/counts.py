"""Statistics of TikTok posts, for public videos only.

https://developers.tiktok.com/doc/tiktok-api-v2-video-query
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.errors import AccountRefused
from workers.platforms.base import Api
from workers.platforms.counting import Counts, ReadContext
from workers.platforms.fields import children, text, whole
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.codes import LIST_SCOPE, SCOPE_MISSING

#: TikTok's maximum of ids per request.
POSTS_AT_ONCE = 20
FIELDS = "id,view_count,like_count,comment_count,share_count"


def read_counts(api: Api, context: ReadContext, post_ids: Sequence[str]) -> Mapping[str, Counts]:
    """Return statistics of those videos that are public.

    Returns none if the token's scopes, which we may not know, do not allow to read them.
    """
    scopes = context.access.scopes
    if scopes and LIST_SCOPE not in scopes:
        return {}
    body = {"filters": {"video_ids": list(post_ids)}}
    try:
        data = Client(api, context).post("video/query/", body, fields=FIELDS)
    except AccountRefused as error:
        if error.code != SCOPE_MISSING:
            raise
        return {}
    return {
        text(video, "id"): Counts(
            views=whole(video, "view_count"),
            likes=whole(video, "like_count"),
            comments=whole(video, "comment_count"),
            shares=whole(video, "share_count"),
        )
        for video in children(data, "videos")
    }
