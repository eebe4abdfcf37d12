"""YouTube's video resource, part by part, as the owner sees it."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from sandbox.core.clock import iso
from sandbox.core.post_statistics import statistics
from sandbox.core.posts import Post
from sandbox.core.processing import Processing
from sandbox.youtube.errors import FAILURES, REJECTIONS


def _snippet(post: Post, now: datetime) -> dict[str, Any]:
    return {
        "description": "",
        **post.resource["snippet"],
        "publishedAt": iso(post.published_at),
        "channelId": post.account,
        "channelTitle": post.resource["channel_title"],
    }


def _status(post: Post, now: datetime) -> dict[str, Any]:
    outcome: Processing = post.resource["processing"]
    status = {"license": "youtube", "embeddable": True, "publicStatsViewable": True}
    status.update(post.resource["status"])
    publish_at = post.resource["publish_at"]
    if publish_at is not None and publish_at <= now:
        status["privacyStatus"] = "public"
        status.pop("publishAt", None)
    if not outcome.is_over(now):
        return {**status, "uploadStatus": "uploaded"}
    if outcome.failure in FAILURES:
        return {**status, "uploadStatus": "failed", "failureReason": outcome.failure}
    if outcome.failure in REJECTIONS:
        return {**status, "uploadStatus": "rejected", "rejectionReason": outcome.failure}
    return {**status, "uploadStatus": "processed" if outcome.failure is None else "uploaded"}


def _processing_details(post: Post, now: datetime) -> dict[str, Any]:
    outcome: Processing = post.resource["processing"]
    if not outcome.is_over(now):
        return {
            "processingStatus": "processing",
            "processingProgress": {"partsTotal": "2", "partsProcessed": "1", "timeLeftMs": "500"},
            "fileDetailsAvailability": "inProgress",
        }
    if outcome.failure in REJECTIONS or outcome.failure is None:
        return {"processingStatus": "succeeded", "fileDetailsAvailability": "available"}
    own = outcome.failure not in FAILURES
    return {
        "processingStatus": "failed",
        "processingFailureReason": outcome.failure if own else "transcodeFailed",
        "fileDetailsAvailability": "available",
    }


def _statistics(post: Post, now: datetime) -> dict[str, Any]:
    numbers = statistics(post, now)
    counted = {"viewCount": str(numbers.views), "favoriteCount": "0"}
    if post.resource["hide_counts"]:
        return counted
    return {**counted, "likeCount": str(numbers.likes), "commentCount": str(numbers.comments)}


def _content_details(post: Post, now: datetime) -> dict[str, Any]:
    probe = post.video.probe
    seconds = int(probe.duration_seconds) if probe else 0
    return {"duration": f"PT{seconds // 60}M{seconds % 60}S", "dimension": "2d"}


def _file_details(post: Post, now: datetime) -> dict[str, Any]:
    outcome: Processing = post.resource["processing"]
    if not outcome.is_over(now):
        return {}
    probe = post.video.probe
    details = {"fileSize": str(post.video.size_bytes), "fileType": "video"}
    if post.resource["file_name"]:
        details["fileName"] = post.resource["file_name"]
    if probe is not None:
        details["durationMs"] = str(int(probe.duration_seconds * 1000))
    return details


def _recording_details(post: Post, now: datetime) -> dict[str, Any]:
    return dict(post.resource["recordingDetails"])


def _localizations(post: Post, now: datetime) -> dict[str, Any]:
    return dict(post.resource["localizations"])


DESCRIBE: dict[str, Callable[[Post, datetime], dict[str, Any]]] = {
    "snippet": _snippet,
    "status": _status,
    "processingDetails": _processing_details,
    "statistics": _statistics,
    "contentDetails": _content_details,
    "fileDetails": _file_details,
    "recordingDetails": _recording_details,
    "localizations": _localizations,
}


def describe(post: Post, parts: list[str], now: datetime) -> dict[str, Any]:
    """Return the video resource with the named parts."""
    found = {part: DESCRIBE[part](post, now) for part in parts if part in DESCRIBE}
    return {"kind": "youtube#video", "id": post.id, **found}
