"""Example bodies for every call that takes one, as shown in the OpenAPI document.

Those of a platform are derived from the registry of platforms, so a new one needs none of its own.
"""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from app.accounts.requirements import NEEDED_SCOPES
from app.clock import to_iso, utcnow
from app.platforms import PLATFORMS
from app.states import LoginType

Examples = dict[str, dict[str, Any]]
VIDEO_ID = "01M857G6RK4GB7XFVPFZ7G88S9"
#: Values of the options worth showing; each appears with the platforms that have it.
_OPTIONS: dict[str, Any] = {
    "title": "The trick that every parent needs",
    "tags": ["parenting", "toddlers"],
    "categoryId": "22",
    "madeForKids": False,
    "disableDuet": True,
    "disableStitch": True,
    "commentEnabled": True,
    "coverTimestampMs": 1500,
    "containsSyntheticMedia": False,
}
#: Far enough ahead for an example to stay valid for as long as a process may live.
_AHEAD_DAYS = 180


def publish_examples() -> Examples:
    """Return a post for each platform, and a scheduled one with queue options."""
    found = {key: _example(f"{entry.name}, now", _post(key)) for key, entry in PLATFORMS.items()}
    scheduled = {
        **_post("YOUTUBE"),
        "scheduledTime": _day_ahead(),
        "privacyLevel": "unlisted",
        "options": {
            "priority": 7,
            "attempts": 5,
            "backoff": {"type": "exponential", "delay": 5000},
        },
    }
    return {**found, "scheduled": _example("On schedule, with more attempts", scheduled)}


def batch_examples() -> Examples:
    """Return one video for all platforms, published at once and staggered."""
    posts = [_post(platform) for platform in PLATFORMS]
    staggered = {"posts": posts, "intervalMinutes": 30, "startTime": _day_ahead()}
    return {
        "everywhere": _example("One video everywhere", {"posts": posts, "intervalMinutes": 0}),
        "staggered": _example("Every half hour from a given time", staggered),
    }


def edit_examples() -> Examples:
    """Return edits of a post that has not started."""
    words = {"caption": "Better words", "hashtags": ["parenting"]}
    later = {"scheduledTime": _day_ahead(), "options": {"priority": 9}}
    return {
        "words": _example("Another caption", words),
        "later": _example("Another time and priority", later),
        "now": _example("As soon as possible", {"scheduledTime": None}),
    }


def resolve_examples() -> Examples:
    """Return both ways to resolve a job."""
    live = {
        "live": True,
        "platformPostId": "7301",
        "url": "https://www.tiktok.com/@alice/video/7301",
    }
    return {
        "live": _example("It is live", live),
        "notLive": _example("It is not live", {"live": False}),
    }


def account_examples() -> Examples:
    """Return tokens for each platform and login; a name begins with the platform of the path."""
    found = {}
    for (platform, login), groups in NEEDED_SCOPES.items():
        name = f"{platform}_{login.name}" if login else platform
        words = PLATFORMS[platform].name + (f", {login.capitalize()} Login" if login else "")
        body = {
            "accessToken": f"the-access-token-of-{platform.lower()}",
            "refreshToken": f"the-refresh-token-of-{platform.lower()}",
            "expiresAt": _day_ahead(),
            "platformUserId": "178414000000",
            "username": "ann",
            "scopes": [group[0] for group in groups],
            **({"loginType": login.value} if login else {}),
        }
        if login is LoginType.FACEBOOK:
            del body["refreshToken"]  # it has none
        found[name] = _example(words, body)
    return found


def video_examples() -> Examples:
    """Return an object in the store to register."""
    body = {"r2Key": "alice/film.mp4", "title": "The trick that every parent needs"}
    return {"film": _example("An object in the bucket", body)}


def upload_examples() -> Examples:
    """Return a file to upload."""
    body = {"filename": "film.mp4", "contentType": "video/mp4", "fileSize": 12_345_678}
    return {"film": _example("An MP4 of 12 MB", body)}


def _example(summary: str, body: dict[str, Any]) -> dict[str, Any]:
    return {"summary": summary, "value": body}


def _post(platform: str) -> dict[str, Any]:
    options = {
        name: value for name, value in _OPTIONS.items() if name in PLATFORMS[platform].options
    }
    return {
        "videoId": VIDEO_ID,
        "platform": platform,
        "caption": "Watch to the end",
        "hashtags": ["parenting", "toddlers"],
        "platformOptions": options,
    }


def _day_ahead() -> str:
    day = utcnow() + timedelta(days=_AHEAD_DAYS)
    return to_iso(day.replace(hour=9, minute=0, second=0, microsecond=0))
