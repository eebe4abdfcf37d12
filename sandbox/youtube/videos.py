"""YouTube: reading, changing and deleting videos."""

from typing import Any

from flask import Response, jsonify, request

from sandbox.core.accounts import Account
from sandbox.core.context import note
from sandbox.core.errors import Refusal
from sandbox.core.posts import Post
from sandbox.core.world import current_world
from sandbox.youtube.accounts import MAY_READ, MAY_WRITE
from sandbox.youtube.api import API, authorize, check_token, read_body, read_parts
from sandbox.youtube.resources import DESCRIBE, describe
from sandbox.youtube.rules import WRITABLE, check_publish_at, check_resource
from sandbox.youtube.state import spend_stats

READABLE = frozenset(["id", *DESCRIBE])
OWNER_ONLY = frozenset(["processingDetails", "fileDetails"])
MAX_IDS = 50


def _asked_posts(account: Account, parts: list[str]) -> list[Post]:
    wanted = [video_id for video_id in request.args.get("id", "").split(",") if video_id]
    if not 1 <= len(wanted) <= MAX_IDS:
        raise Refusal("badRequest", "id must name 1 to 50 videos")
    world = current_world()
    found = [world.posts.get("YOUTUBE", video_id, world.clock.now()) for video_id in wanted]
    posts = [post for post in found if post is not None]
    if OWNER_ONLY.intersection(parts) and any(post.account != account.id for post in posts):
        raise Refusal("forbidden", "These parts are only for the video's owner.")
    return [post for post in posts if post.account == account.id or post.privacy != "private"]


@API.call("youtube.videos", "/youtube/youtube/v3/videos", "GET")
def list_videos() -> Response:
    """Return the named videos that the caller may see."""
    account = authorize(MAY_READ, units=1)
    parts = read_parts(READABLE)
    now = current_world().clock.now()
    items = [describe(post, parts, now) for post in _asked_posts(account, parts)]
    return jsonify(kind="youtube#videoListResponse", items=items)


@API.call("youtube.stats", "/youtube/youtube/v3/videos:batchGetStats", "GET")
def list_statistics() -> Response:
    """Return the statistics of the named videos, charged to their own bucket."""
    account = check_token()
    if not account.scopes.intersection(MAY_READ):
        raise Refusal("insufficientPermissions")
    world = current_world()
    spend_stats(world)
    parts = read_parts(frozenset(["id", "snippet", "statistics", "contentDetails"]))
    now = world.clock.now()
    items = [describe(post, parts, now) for post in _asked_posts(account, parts)]
    return jsonify(items=items)


def own_post(account: Account, video_id: str) -> Post:
    """Return the caller's own video. Refuses others'."""
    world = current_world()
    post = world.posts.get("YOUTUBE", video_id, world.clock.now())
    if post is None:
        raise Refusal("videoNotFound")
    if post.account != account.id:
        raise Refusal("forbidden")
    note(video_id=post.id)
    return post


@API.call("youtube.update", "/youtube/youtube/v3/videos", "PUT")
def update_video() -> Response:
    """Replace the named parts; an omitted field is erased."""
    account = authorize(MAY_WRITE, units=50)
    parts = read_parts(frozenset([*WRITABLE, "localizations", "id"]))
    body = read_body()
    video_id = body.pop("id", None)
    if not isinstance(video_id, str):
        raise Refusal("badRequest", "id is required")
    check_resource(body, parts, has_category=True)
    publish_at = check_publish_at(body.get("status", {}))
    post = own_post(account, video_id)
    _replace_parts(post, body, parts)
    if "status" in parts:
        post.resource["publish_at"] = publish_at
    return jsonify(describe(post, parts, current_world().clock.now()))


def _replace_parts(post: Post, body: dict[str, Any], parts: list[str]) -> None:
    with current_world().lock:
        for part in parts:
            if part != "id":
                post.resource[part] = body.get(part, {})
        if "status" in parts:
            post.privacy = post.resource["status"].setdefault("privacyStatus", "public")
        if "snippet" in parts:
            post.title = post.resource["snippet"]["title"]
            post.caption = post.resource["snippet"].get("description", "")


@API.call("youtube.delete", "/youtube/youtube/v3/videos", "DELETE")
def delete_video() -> Response:
    """Delete a video permanently."""
    account = authorize(MAY_WRITE, units=50)
    current_world().take_down(own_post(account, request.args.get("id", "")))
    return Response(status=204)
