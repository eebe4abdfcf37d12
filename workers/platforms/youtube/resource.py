"""The video resource that a new upload begins with.

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
    """Return the resource by its parts; made for kids is always declared, as YouTube asks."""
    options = draft.options
    snippet: dict[str, Any] = {
        "title": draft.title,
        "description": draft.text,
        "categoryId": options.get("categoryId", DEFAULT_CATEGORY),
        **_given(options, "tags", "defaultLanguage"),
    }
    status: dict[str, Any] = {
        "privacyStatus": draft.privacy,
        "selfDeclaredMadeForKids": options.get("madeForKids", False),
        **_given(options, "containsSyntheticMedia", "license", "embeddable", "publicStatsViewable"),
    }
    resource = {"snippet": snippet, "status": status}
    if "recordingDate" in options:
        resource["recordingDetails"] = {"recordingDate": _moment(options["recordingDate"])}
    return resource


def insert_query(draft: Draft, parts: Mapping[str, Any]) -> dict[str, str]:
    """Return the query of `videos.insert`.

    https://developers.google.com/youtube/v3/docs/videos/insert
    """
    query = {"uploadType": "resumable", "part": ",".join(parts)}
    if "notifySubscribers" in draft.options:
        query["notifySubscribers"] = "true" if draft.options["notifySubscribers"] else "false"
    return query


def file_name(draft: Draft, content_type: str) -> str:
    """Return a name that only this job's file has; the channel's owner alone can see it."""
    return draft.marker + _FILE_ENDINGS.get(content_type, "")


def _given(options: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: options[name] for name in names if options.get(name) is not None}


def _moment(date: str) -> str:
    """Return a bare date as the date and time that YouTube wants."""
    return f"{date}T00:00:00Z" if len(date) == DATE_CHARS else date
