"""YouTube: the caller's channel and its uploads playlist."""

from itertools import islice
from typing import Any

from flask import Response, jsonify, request

from sandbox.core.clock import iso
from sandbox.core.errors import Refusal
from sandbox.core.world import current_world
from sandbox.youtube.accounts import MAY_READ, uploads_playlist
from sandbox.youtube.api import API, authorize, read_parts

CHANNEL_PARTS = frozenset(["id", "snippet", "contentDetails", "status"])
ITEM_PARTS = frozenset(["id", "snippet", "contentDetails", "status"])
MAX_RESULTS = 50


def read_max_results() -> int:
    """Return `maxResults`, 5 by default. Refuses anything but 0 to 50."""
    text = request.args.get("maxResults", "5")
    if not text.isdecimal() or int(text) > MAX_RESULTS:
        raise Refusal("invalidValue", "maxResults must be 0 to 50")
    return int(text)


@API.call("youtube.channels", "/youtube/youtube/v3/channels", "GET")
def list_channels() -> Response:
    """Return the caller's own channel; without one, no `items` at all, as YouTube does."""
    account = authorize(MAY_READ, units=1)
    parts = read_parts(CHANNEL_PARTS)
    if request.args.get("mine") != "true":
        raise Refusal("badRequest", "mine=true is required")
    fields: dict[str, Any] = {
        "snippet": {"title": account.username},
        "contentDetails": {"relatedPlaylists": {"uploads": uploads_playlist(account.id)}},
        "status": {"longUploadsStatus": "allowed" if account.options.long_uploads else "eligible"},
    }
    channel = {"kind": "youtube#channel", "id": account.id}
    channel.update({part: fields[part] for part in parts if part in fields})
    count = 1 if account.options.has_channel else 0
    return jsonify(
        kind="youtube#channelListResponse",
        pageInfo={"totalResults": count, "resultsPerPage": 5},
        **({"items": [channel]} if count else {}),
    )


@API.call("youtube.playlist_items", "/youtube/youtube/v3/playlistItems", "GET")
def list_playlist_items() -> Response:
    """Return the channel's uploads, newest first."""
    account = authorize(MAY_READ, units=1)
    parts = read_parts(ITEM_PARTS)
    if request.args.get("playlistId") != uploads_playlist(account.id):
        raise Refusal("playlistNotFound")
    count, token = read_max_results(), request.args.get("pageToken", "0")
    if not token.isdecimal():
        raise Refusal("invalidValue", "pageToken is invalid")
    start, world = int(token), current_world()
    newest = world.posts.newest("YOUTUBE", account.id, world.clock.now())
    posts = list(islice(newest, start, start + count + 1))
    answer: dict[str, Any] = {"kind": "youtube#playlistItemListResponse", "items": []}
    for post in posts[:count]:
        published_at = iso(post.published_at)
        fields: dict[str, Any] = {
            "snippet": {
                "title": post.title,
                "description": post.caption,
                "publishedAt": published_at,
                "resourceId": {"kind": "youtube#video", "videoId": post.id},
            },
            "contentDetails": {"videoId": post.id, "videoPublishedAt": published_at},
            "status": {"privacyStatus": post.privacy},
        }
        answer["items"].append({part: fields[part] for part in parts if part in fields})
    if len(posts) > count:
        answer["nextPageToken"] = str(start + count)
    return jsonify(answer)
