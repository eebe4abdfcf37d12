"""TikTok: the creator's public videos, by id or newest first."""

from datetime import datetime
from itertools import islice
from typing import Any

from flask import Response, request

from sandbox.core.accounts import Account
from sandbox.core.errors import Refusal
from sandbox.core.fields import first_fault, is_text_list, is_whole
from sandbox.core.post_statistics import statistics
from sandbox.core.posts import Post
from sandbox.core.world import current_world
from sandbox.tiktok.api import API, authorize, ok
from sandbox.tiktok.publishing import read_body
from sandbox.tiktok.state import count_call

MAX_VIDEOS = 20
DEFAULT_VIDEOS = 10
CUT_TEXT = 150


def describe(post: Post, now: datetime) -> dict[str, Any]:
    """Return every field of TikTok's video object."""
    numbers, probe = statistics(post, now), post.video.probe
    embed_link = f"https://www.tiktok.com/static/profile-video?id={post.id}"
    return {
        "id": post.id,
        "create_time": int(post.published_at.timestamp()),
        "share_url": post.url,
        "title": post.caption[:CUT_TEXT],
        "video_description": post.caption[:CUT_TEXT],
        "duration": int(probe.duration_seconds) if probe else 0,
        "height": probe.height if probe else 0,
        "width": probe.width if probe else 0,
        "cover_image_url": f"https://p16-sign.tiktokcdn-us.com/{post.id}.jpeg",
        "embed_html": f'<blockquote class="tiktok-embed" data-video-id="{post.id}"></blockquote>',
        "embed_link": embed_link,
        "view_count": numbers.views,
        "like_count": numbers.likes,
        "comment_count": numbers.comments,
        "share_count": numbers.shares,
        "is_aigc": post.resource["is_aigc"],
    }


FIELD_NAMES = frozenset(
    (
        "id create_time share_url title video_description duration height width cover_image_url"
        " embed_html embed_link view_count like_count comment_count share_count is_aigc"
    ).split()
)


def _asked_fields() -> list[str]:
    names = [name for name in request.args.get("fields", "").split(",") if name]
    if not names or not FIELD_NAMES.issuperset(names):
        raise Refusal("invalid_params", "fields is missing or has an unknown field")
    return names


def _begin(call: str) -> tuple[Account, list[str], dict[str, Any]]:
    account = authorize("video.list")
    count_call(call, current_world().settings.tiktok_videos_per_minute)
    return account, _asked_fields(), read_body()


def _public(post: Post | None, account: Account) -> bool:
    return post is not None and post.account == account.id and post.privacy == "PUBLIC_TO_EVERYONE"


@API.call("tiktok.video_query", "/tiktok/v2/video/query/", "POST")
def query_videos() -> Response:
    """Return those of at most 20 ids that are public videos of the creator."""
    account, names, body = _begin("video_query")
    filters = body.get("filters")
    if set(body) != {"filters"} or not isinstance(filters, dict) or set(filters) != {"video_ids"}:
        raise Refusal("invalid_params", "the body needs filters.video_ids only")
    video_ids = filters["video_ids"]
    if not is_text_list(video_ids) or not 1 <= len(video_ids) <= MAX_VIDEOS:
        raise Refusal("invalid_params", "video_ids must hold 1 to 20 strings")
    world = current_world()
    now = world.clock.now()
    posts = [world.posts.get("TIKTOK", video_id, now) for video_id in video_ids]
    found = [describe(post, now) for post in posts if post and _public(post, account)]
    return ok({"videos": [{name: video[name] for name in names} for video in found]})


@API.call("tiktok.video_list", "/tiktok/v2/video/list/", "POST")
def list_videos() -> Response:
    """Return the creator's public videos older than `cursor`, newest first."""
    account, names, body = _begin("video_list")
    wrong = first_fault(body, {"max_count": is_whole, "cursor": is_whole})
    count = body.get("max_count", DEFAULT_VIDEOS)
    if wrong is not None or not 1 <= count <= MAX_VIDEOS:
        raise Refusal("invalid_params", wrong or "max_count must be 1 to 20")
    world = current_world()
    now = world.clock.now()
    before = body.get("cursor") or int(now.timestamp() * 1000) + 1
    posts = (
        post
        for post in world.posts.newest("TIKTOK", account.id, now)
        if _public(post, account) and post.published_at.timestamp() * 1000 < before
    )
    page = list(islice(posts, count + 1))
    shown = page[:count]
    cursor = int(shown[-1].published_at.timestamp() * 1000) if shown else before
    described = [describe(post, now) for post in shown]
    return ok(
        {
            "videos": [{name: video[name] for name in names} for video in described],
            "cursor": cursor,
            "has_more": len(page) > count,
        }
    )
