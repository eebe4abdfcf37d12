"""Instagram: the account's reels: list, insights, enabling comments, deletion."""

from collections.abc import Iterator
from datetime import datetime, timezone
from itertools import islice
from typing import Any

from flask import Response, request

from sandbox.core.accounts import Account
from sandbox.core.clock import parse_iso
from sandbox.core.errors import Refusal
from sandbox.core.post_statistics import statistics
from sandbox.core.posts import Post
from sandbox.core.world import current_world
from sandbox.instagram.accounts import BASIC, CONTENTS, INSIGHTS, PUBLISHING
from sandbox.instagram.api import API, answer, authorize, select
from sandbox.instagram.containers import check_own_user
from sandbox.instagram.paging import read_cursor
from sandbox.instagram.rules import read_parameters

METRICS = frozenset(
    "views reach likes comments shares saved total_interactions reposts ig_reels_avg_watch_time"
    " ig_reels_video_view_total_time reels_skip_rate".split()
)


def describe_media(post: Post, account: Account, now: datetime) -> dict[str, Any]:
    """Return every field of a reel; None is omitted from responses."""
    numbers = statistics(post, now)
    moment = post.published_at.astimezone(timezone.utc)
    fields: dict[str, Any] = {
        "id": post.id,
        "caption": post.caption or None,
        "permalink": post.url,
        "shortcode": post.resource["shortcode"],
        "timestamp": moment.strftime("%Y-%m-%dT%H:%M:%S+0000"),
        "media_type": "VIDEO",
        "media_product_type": "REELS",
        "username": account.username,
        "is_comment_enabled": post.resource["comment_enabled"],
        "like_count": None if account.options.hide_counts else numbers.likes,
        "comments_count": numbers.comments,
    }
    if account.options.login_type == "facebook":
        fields.update(
            reposts_count=0,
            saved_count=0,
            shares_count=numbers.shares,
            total_like_count=numbers.likes,
            total_comments_count=numbers.comments,
            total_views_count=numbers.views,
        )
    return fields


def own_media(account: Account, media_id: str) -> Post:
    """Return one of the account's reels. Refuses unknown ones and other accounts'."""
    world = current_world()
    post = world.posts.get("INSTAGRAM", media_id, world.clock.now())
    if post is None or post.account != account.id:
        raise Refusal("100/33")
    return post


@API.call("instagram.media_list", "/graph/<version>/<user_id>/media", "GET")
@API.call("instagram.media_list", "/instagram/<version>/<user_id>/media", "GET")
def list_media(version: str, user_id: str) -> Response:
    """Return the account's reels, newest first, between `since` and `until`."""
    account = authorize(version, BASIC)
    check_own_user(account, user_id)
    cursor = read_cursor()
    start, limit = cursor
    now = current_world().clock.now()
    page = list(islice(_between(account, now), start, start + limit + 1))
    data = [select(describe_media(post, account, now)) for post in page[:limit]]
    return answer(data=data, paging=cursor.paging(has_more=len(page) > limit))


def _between(account: Account, now: datetime) -> Iterator[Post]:
    since = _moment("since", datetime.min.replace(tzinfo=timezone.utc))
    until = _moment("until", now)
    for post in current_world().posts.newest("INSTAGRAM", account.id, now):
        if post.published_at.replace(microsecond=0) < since:
            return
        if post.published_at.replace(microsecond=0) <= until:
            yield post


def _moment(name: str, default: datetime) -> datetime:
    text = request.args.get(name)
    if text is None:
        return default
    try:
        if text.isdecimal():
            return datetime.fromtimestamp(int(text), timezone.utc)
        return parse_iso(text)
    except (ValueError, OverflowError) as exc:
        raise Refusal("100", f"(#100) {name} must be a time") from exc


@API.call("instagram.insights", "/graph/<version>/<media_id>/insights", "GET")
@API.call("instagram.insights", "/instagram/<version>/<media_id>/insights", "GET")
def read_insights(version: str, media_id: str) -> Response:
    """Return the requested metrics; one invalid metric fails the whole call."""
    account = authorize(version, INSIGHTS)
    post = own_media(account, media_id)
    names = [name for name in request.args.get("metric", "").split(",") if name]
    if not names or not METRICS.issuperset(names):
        raise Refusal("100", f"(#100) metric must be one of: {', '.join(sorted(METRICS))}")
    numbers = statistics(post, current_world().clock.now())
    known = {
        "views": numbers.views,
        "reach": numbers.views,
        "likes": numbers.likes,
        "comments": numbers.comments,
        "shares": numbers.shares,
        "total_interactions": numbers.likes + numbers.comments + numbers.shares,
    }
    data = [
        {"name": name, "period": "lifetime", "values": [{"value": known.get(name, 0)}]}
        for name in names
    ]
    return answer(data=data)


@API.call("instagram.delete", "/graph/<version>/<media_id>", "DELETE")
@API.call("instagram.delete", "/instagram/<version>/<media_id>", "DELETE")
def delete_media(version: str, media_id: str) -> Response:
    """Delete a reel; only Facebook Login can."""
    account = authorize(version, BASIC)
    if account.options.login_type != "facebook":
        raise Refusal("100/33", "Unsupported delete request.")
    if not account.scopes.intersection(CONTENTS):
        raise Refusal("10")
    current_world().take_down(own_media(account, media_id))
    return answer(success=True)


@API.call("instagram.comments", "/graph/<version>/<media_id>", "POST")
@API.call("instagram.comments", "/instagram/<version>/<media_id>", "POST")
def switch_comments(version: str, media_id: str) -> Response:
    """Enable or disable comments, which is possible only after publishing."""
    account = authorize(version, PUBLISHING)
    post = own_media(account, media_id)
    parameters = read_parameters()
    if set(parameters) != {"comment_enabled"} or str(parameters["comment_enabled"]).lower() not in (
        "true",
        "false",
    ):
        raise Refusal("100", "(#100) comment_enabled must be true or false")
    post.resource["comment_enabled"] = str(parameters["comment_enabled"]).lower() == "true"
    return answer(success=True)
