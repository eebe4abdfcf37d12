"""Search for a YouTube upload among the channel's newest videos, once its session is lost.

https://developers.google.com/youtube/v3/docs/playlistItems/list
https://developers.google.com/youtube/v3/docs/videos (`fileDetails`, visible to the owner only)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from workers.errors import RequestRefused, Transient
from workers.platforms.base import Context
from workers.platforms.fields import Fields, child, children, text, whole
from workers.platforms.youtube import codes
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.upload import YouTubeUpload

PAGE_VIDEOS = 50
PAGES_MAX = 4
DETAILS = "snippet,fileDetails"
#: YouTube's reason for the uploads list of a channel without videos.
NO_UPLOADS = "playlistNotFound"
#: The tolerated difference between Google's clock and ours.
CLOCK_SKEW_SECONDS = 60


@dataclass(frozen=True)
class ListedVideo:
    """A video of the channel; `file_name` is empty and `size_bytes` None while unknown."""

    id: str
    title: str
    file_name: str
    size_bytes: int | None


def find_posts(client: Client, context: Context, upload: YouTubeUpload) -> list[ListedVideo]:
    """Return the videos created since the session was opened that no other job owns."""
    since = upload.opened_at - CLOCK_SKEW_SECONDS
    playlist = _uploads_playlist(client)
    found: list[ListedVideo] = []
    for items in _pages(client, playlist):
        recent = [item for item in items if _published_at(item) >= since]
        ids = [text(child(item, "contentDetails"), "videoId") for item in recent]
        wanted = [video_id for video_id in ids if video_id and not context.is_known_post(video_id)]
        if wanted:
            page = client.get("videos", part=DETAILS, id=",".join(wanted))
            found += [
                _listed(video) for video in children(page, "items") if text(video, "id") in wanted
            ]
        if len(recent) < len(items):
            break  # newest first: everything after this is older
    return found


def _listed(video: Fields) -> ListedVideo:
    details = child(video, "fileDetails")
    return ListedVideo(
        id=text(video, "id"),
        title=text(child(video, "snippet"), "title").strip(),
        file_name=text(details, "fileName"),
        size_bytes=whole(details, "fileSize"),
    )


def _uploads_playlist(client: Client) -> str:
    channels = children(client.get("channels", part="contentDetails", mine="true"), "items")
    if not channels:
        raise codes.NO_CHANNEL.error_for("no_channel", "the Google account has no channel")
    related = child(child(channels[0], "contentDetails"), "relatedPlaylists")
    playlist = text(related, "uploads")
    if not playlist:
        raise Transient("no_uploads_list", "YouTube did not name the channel's list of uploads")
    return playlist


def _pages(client: Client, playlist: str) -> Iterator[list[Mapping[str, Any]]]:
    query = {
        "part": "snippet,contentDetails",
        "playlistId": playlist,
        "maxResults": str(PAGE_VIDEOS),
    }
    for _ in range(PAGES_MAX):
        try:
            page = client.get("playlistItems", **query)
        except RequestRefused as error:
            if error.code != NO_UPLOADS:
                raise
            return
        yield children(page, "items")
        token = text(page, "nextPageToken")
        if not token:
            return
        query["pageToken"] = token


def _published_at(item: Mapping[str, Any]) -> float:
    """Return the upload time in epoch seconds; 0 if it is missing or unreadable."""
    try:
        moment = datetime.fromisoformat(
            text(child(item, "snippet"), "publishedAt").replace("Z", "+00:00")
        )
    except ValueError:
        return 0.0
    return moment.timestamp() if moment.tzinfo is not None else 0.0
