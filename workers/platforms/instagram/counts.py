"""Statistics of Reels: media fields with Facebook Login, insights with Instagram Login.

https://developers.facebook.com/docs/instagram-platform/reference/instagram-media
https://developers.facebook.com/docs/instagram-platform/reference/instagram-media/insights
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.errors import AccountRefused, RequestRefused, Transient
from workers.platforms.base import Api
from workers.platforms.counting import Counts, ReadContext
from workers.platforms.fields import Fields, child, children, text, whole
from workers.platforms.instagram.client import Client
from workers.platforms.instagram.codes import MISSING_OBJECT
from workers.platforms.instagram.logins import INSTAGRAM_LOGIN

#: Each post costs one of the account's 200 calls an hour; this leaves nearly all of them.
POSTS_AT_ONCE = 2
INSIGHTS_SCOPE = "instagram_business_manage_insights"
_FACEBOOK_FIELDS = "like_count,comments_count,shares_count,total_views_count"
_BASIC_FIELDS = "like_count,comments_count"
_METRICS = "views,likes,comments,shares"


def read_counts(api: Api, context: ReadContext, post_ids: Sequence[str]) -> Mapping[str, Counts]:
    """Return statistics of those Reels that can be read.

    Raises `AccountRefused` only if it concerns the account: its token, or a refusal of every Reel.
    """
    client = Client(api, context)
    found: dict[str, Counts] = {}
    refusals: list[AccountRefused] = []
    for post_id in post_ids:
        try:
            found[post_id] = _read_one(client, context.access.scopes, post_id)
        except (RequestRefused, Transient):
            continue  # not readable at the moment: the others are unaffected
        except AccountRefused as error:
            if error.reconnect:
                raise
            if error.code != MISSING_OBJECT:  # which means that its owner has deleted the Reel
                refusals.append(error)
    if refusals and len(refusals) == len(post_ids):
        raise refusals[0]
    return found


def _read_one(client: Client, scopes: frozenset[str], post_id: str) -> Counts:
    if client.login_type != INSTAGRAM_LOGIN:
        return _from_fields(client.get(post_id, fields=_FACEBOOK_FIELDS))
    if scopes and INSIGHTS_SCOPE not in scopes:
        return _from_fields(client.get(post_id, fields=_BASIC_FIELDS))
    return _from_insights(client.get(f"{post_id}/insights", metric=_METRICS))


def _from_fields(media: Fields) -> Counts:
    return Counts(
        views=whole(media, "total_views_count"),
        likes=whole(media, "like_count"),
        comments=whole(media, "comments_count"),
        shares=whole(media, "shares_count"),
    )


def _from_insights(response: Fields) -> Counts:
    """Return the metrics; a missing one is unknown, not zero."""
    values = {text(metric, "name"): _value(metric) for metric in children(response, "data")}
    return Counts(
        views=values.get("views"),
        likes=values.get("likes"),
        comments=values.get("comments"),
        shares=values.get("shares"),
    )


def _value(metric: Fields) -> int | None:
    values = children(metric, "values")
    return whole(values[0] if values else child(metric, "total_value"), "value")
