"""Reads how reels are doing: fields of the media for Facebook Login, insights for Instagram's.

https://developers.facebook.com/docs/instagram-platform/reference/instagram-media
https://developers.facebook.com/docs/instagram-platform/reference/instagram-media/insights
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.errors import RequestRefused, Transient
from workers.platforms.base import Api
from workers.platforms.counting import Counts, Reader
from workers.platforms.fields import Fields, child, children, text, whole
from workers.platforms.instagram.client import INSTAGRAM_LOGIN, Graph

#: Each post costs a call, of which an account has 200 an hour: these leave nearly all of them.
POSTS_AT_ONCE = 2
INSIGHTS_SCOPE = "instagram_business_manage_insights"
_FACEBOOK_FIELDS = "like_count,comments_count,shares_count,total_views_count"
_BASIC_FIELDS = "like_count,comments_count"
_METRICS = "views,likes,comments,shares"


def read_counts(api: Api, reader: Reader, post_ids: Sequence[str]) -> Mapping[str, Counts]:
    """Return the counts of those reels that are there; one that is not spoils no other."""
    graph = Graph.of(api, reader)
    found = {}
    for post_id in post_ids:
        try:
            found[post_id] = _read_one(graph, reader.access.scopes, post_id)
        except (RequestRefused, Transient):
            continue  # deleted, or not to be read at the moment
    return found


def _read_one(graph: Graph, scopes: frozenset[str], post_id: str) -> Counts:
    if graph.login_type != INSTAGRAM_LOGIN:
        return _of_fields(graph.get(post_id, fields=_FACEBOOK_FIELDS))
    if scopes and INSIGHTS_SCOPE not in scopes:
        return _of_fields(graph.get(post_id, fields=_BASIC_FIELDS))
    return _of_insights(graph.get(f"{post_id}/insights", metric=_METRICS))


def _of_fields(media: Fields) -> Counts:
    return Counts(
        views=whole(media, "total_views_count"),
        likes=whole(media, "like_count"),
        comments=whole(media, "comments_count"),
        shares=whole(media, "shares_count"),
    )


def _of_insights(answer: Fields) -> Counts:
    """Return the metrics; one that is missing is unknown, not zero."""
    values = {text(metric, "name"): _value(metric) for metric in children(answer, "data")}
    return Counts(
        views=values.get("views"),
        likes=values.get("likes"),
        comments=values.get("comments"),
        shares=values.get("shares"),
    )


def _value(metric: Fields) -> int | None:
    values = children(metric, "values")
    return whole(values[0] if values else child(metric, "total_value"), "value")
