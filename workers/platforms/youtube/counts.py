"""Reads how videos are doing: one unit of the quota for up to fifty of them.

https://developers.google.com/youtube/v3/docs/videos#statistics. Shares are not in the Data API.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.platforms.base import Api
from workers.platforms.counting import Counts, Reader
from workers.platforms.fields import child, children, text, whole
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.codes import READ_SCOPES

#: As many ids as YouTube takes.
POSTS_AT_ONCE = 50


def read_counts(api: Api, reader: Reader, post_ids: Sequence[str]) -> Mapping[str, Counts]:
    """Return the counts of those videos that are there; hidden ones are unknown."""
    scopes = reader.access.scopes
    if scopes and scopes.isdisjoint(READ_SCOPES):
        return {}
    answer = Client(api, reader).read("videos", part="statistics", id=",".join(post_ids))
    return {
        text(video, "id"): Counts(
            views=whole(child(video, "statistics"), "viewCount"),
            likes=whole(child(video, "statistics"), "likeCount"),
            comments=whole(child(video, "statistics"), "commentCount"),
        )
        for video in children(answer, "items")
    }
