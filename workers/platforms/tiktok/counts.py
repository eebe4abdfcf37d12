"""Statistics of TikTok posts, for public videos only.

https://developers.tiktok.com/doc/tiktok-api-v2-video-query
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.platforms.base import Api
from workers.platforms.counting import Counts, ReadContext
from workers.platforms.fields import children, text, whole
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.codes import LIST_SCOPE

#: TikTok's maximum of ids per request.
POSTS_AT_ONCE = 20
FIELDS = "id,view_count,like_count,comment_count,share_count"


def read_counts(api: Api, context: ReadContext, post_ids: Sequence[str]) -> Mapping[str, Counts]:
    """Return statistics of those videos that are public."""
    scopes = context.access.scopes
    if scopes and LIST_SCOPE not in scopes:
        return {}
    body = {"filters": {"video_ids": list(post_ids)}}
    data = Client(api, context).post("video/query/", body, fields=FIELDS)
    return {
        text(video, "id"): Counts(
            views=whole(video, "view_count"),
            likes=whole(video, "like_count"),
            comments=whole(video, "comment_count"),
            shares=whole(video, "share_count"),
        )
        for video in children(data, "videos")
    }
