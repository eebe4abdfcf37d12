"""Finds a video among the channel's newest when its session cannot tell any more.

https://developers.google.com/youtube/v3/docs/videos (fileDetails, for the owner alone)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from workers.errors import AccountRefused, Ambiguous, RequestRefused, Transient
from workers.platforms.base import Context
from workers.platforms.fields import child, children, text, whole
from workers.platforms.results import Processing
from workers.platforms.youtube import codes
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.sending import became
from workers.platforms.youtube.upload import YouTubeUpload

PAGE_VIDEOS = 50
PAGES_MAX = 4
DETAILS = "snippet,fileDetails"
#: How YouTube answers for the list of a channel that has no video.
NO_UPLOADS = "playlistNotFound"
#: Google's clock and ours may differ by this much.
CLOCK_SKEW_SECONDS = 60
#: The list lags by minutes: a video counts as missing after two looks this far apart.
LOOK_AGAIN_SECONDS = 300.0
#: How long a video of the right title may keep its file's name and size to itself.
DETAILS_LIMIT_SECONDS = 6 * 3600


def look_for(client: Client, context: Context, upload: YouTubeUpload) -> Processing:
    """Look for the upload's video in the channel's list, and store its id when it is there.

    Our own file name decides; where YouTube keeps none, title and size do, if only one video
    has both. Raises `Ambiguous` when it was not there twice, or no look can decide.
    """
    try:
        videos = _recent_videos(client, context, upload)
    except (AccountRefused, RequestRefused) as error:
        raise _ambiguous(f"YouTube does not let us look for the video ({error.code})") from error
    ours = [video for video in videos if _file(video, "fileName") == upload.file_name]
    nameless = [
        video
        for video in videos
        if not _file(video, "fileName") and _title(video) == context.draft.title.strip()
    ]
    alike = [video for video in nameless if _size(video) == upload.size_bytes]
    unknown = [video for video in nameless if _size(video) is None]
    if not ours and not unknown and len(alike) == 1:
        ours = alike
    if ours:
        became(context, upload, text(ours[0], "id"))
        return Processing(client.api.poll_seconds)
    if unknown and _waited(context, upload.final_started_at) < DETAILS_LIMIT_SECONDS:
        return Processing(LOOK_AGAIN_SECONDS)
    if alike or unknown:
        raise _ambiguous("several videos on YouTube could be this post")
    return _not_listed(context, upload)


def _not_listed(context: Context, upload: YouTubeUpload) -> Processing:
    if upload.not_listed_at is None:
        context.journal.save(replace(upload, not_listed_at=context.now().timestamp()))
        return Processing(LOOK_AGAIN_SECONDS)
    waited = _waited(context, upload.not_listed_at)
    if waited < LOOK_AGAIN_SECONDS:
        return Processing(LOOK_AGAIN_SECONDS - waited)
    raise _ambiguous("YouTube dropped the upload at its end and does not list the video")


def _ambiguous(detail: str) -> Ambiguous:
    return Ambiguous("outcome_unknown", detail, hint="Look in YouTube Studio for the video")


def _waited(context: Context, since: float | None) -> float:
    return context.now().timestamp() - (since or 0.0)


def _recent_videos(
    client: Client, context: Context, upload: YouTubeUpload
) -> list[Mapping[str, Any]]:
    """Return the channel's videos since the session began that no other job owns."""
    since = upload.opened_at - CLOCK_SKEW_SECONDS
    playlist = _uploads_playlist(client)
    found: list[Mapping[str, Any]] = []
    for items in _pages(client, playlist):
        recent = [item for item in items if _published_at(item) >= since]
        ids = [text(child(item, "contentDetails"), "videoId") for item in recent]
        wanted = [one for one in ids if one and not context.is_known_post(one)]
        if wanted:
            page = client.read("videos", part=DETAILS, id=",".join(wanted))
            found += [video for video in children(page, "items") if text(video, "id") in wanted]
        if len(recent) < len(items):
            break  # newest first: what follows is older still
    return found


def _uploads_playlist(client: Client) -> str:
    channels = children(client.read("channels", part="contentDetails", mine="true"), "items")
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
            page = client.read("playlistItems", **query)
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
    """Return when the video was uploaded; long ago when YouTube does not say it readably."""
    try:
        moment = datetime.fromisoformat(
            text(child(item, "snippet"), "publishedAt").replace("Z", "+00:00")
        )
    except ValueError:
        return 0.0
    return moment.timestamp() if moment.tzinfo is not None else 0.0


def _title(video: Mapping[str, Any]) -> str:
    return text(child(video, "snippet"), "title").strip()


def _file(video: Mapping[str, Any], name: str) -> str:
    return text(child(video, "fileDetails"), name)


def _size(video: Mapping[str, Any]) -> int | None:
    return whole(child(video, "fileDetails"), "fileSize")
