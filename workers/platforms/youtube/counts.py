"""Statistics of YouTube videos: one quota unit per request of up to 50 videos.

The Data API reports no shares. https://developers.google.com/youtube/v3/docs/videos#statistics
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.errors import AccountRefused
from workers.platforms.base import Api
from workers.platforms.counting import Counts, ReadContext
from workers.platforms.fields import child, children, text, whole
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.codes import READ_SCOPES, SCOPE_MISSING

#: YouTube's maximum of ids per request.
POSTS_AT_ONCE = 50


def read_counts(api: Api, context: ReadContext, post_ids: Sequence[str]) -> Mapping[str, Counts]:
    """Return statistics of the videos that exist; a hidden number is None.

    Returns none if the token's scopes, which we may not know, allow no reads.
    """
    scopes = context.access.scopes
    if scopes and scopes.isdisjoint(READ_SCOPES):
        return {}
    try:
        response = Client(api, context).get("videos", part="statistics", id=",".join(post_ids))
    except AccountRefused as error:
        if error.code != SCOPE_MISSING:
            raise
        return {}
    return {
        text(video, "id"): Counts(
            views=whole(child(video, "statistics"), "viewCount"),
            likes=whole(child(video, "statistics"), "likeCount"),
            comments=whole(child(video, "statistics"), "commentCount"),
        )
        for video in children(response, "items")
    }
