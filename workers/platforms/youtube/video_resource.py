"""The video resource and query of a `videos.insert` call.

https://developers.google.com/youtube/v3/docs/videos
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.platforms.base import Draft

DEFAULT_CATEGORY = "22"
DATE_CHARS = len("2026-01-31")
_FILE_ENDINGS = {"video/mp4": ".mp4", "video/quicktime": ".mov", "video/webm": ".webm"}


def video_resource(draft: Draft) -> dict[str, dict[str, Any]]:
    """Return the resource by part; `selfDeclaredMadeForKids` is always set, as YouTube asks."""
    options = draft.options
    snippet: dict[str, Any] = {
        "title": draft.title,
        "description": draft.text,
        "categoryId": options.get("categoryId", DEFAULT_CATEGORY),
        **_chosen(options, "tags", "defaultLanguage"),
    }
    status: dict[str, Any] = {
        "privacyStatus": draft.privacy,
        "selfDeclaredMadeForKids": options.get("madeForKids", False),
        **_chosen(
            options, "containsSyntheticMedia", "license", "embeddable", "publicStatsViewable"
        ),
    }
    resource = {"snippet": snippet, "status": status}
    if "recordingDate" in options:
        resource["recordingDetails"] = {"recordingDate": _date_time(options["recordingDate"])}
    return resource


def insert_query(draft: Draft, parts: Mapping[str, Any]) -> dict[str, str]:
    """Return the query parameters of the call; `parts` has the keys of the resource.

    https://developers.google.com/youtube/v3/docs/videos/insert
    """
    query = {"uploadType": "resumable", "part": ",".join(parts)}
    if "notifySubscribers" in draft.options:
        query["notifySubscribers"] = "true" if draft.options["notifySubscribers"] else "false"
    return query


def file_name(draft: Draft, content_type: str) -> str:
    """Return a file name unique to the job; only the channel's owner can see it."""
    return draft.marker + _FILE_ENDINGS.get(content_type, "")


def _chosen(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: options[name] for name in names if options.get(name) is not None}


def _date_time(date: str) -> str:
    """Return a bare date as the date-time that YouTube requires."""
    return f"{date}T00:00:00Z" if len(date) == DATE_CHARS else date
