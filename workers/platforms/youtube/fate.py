"""What becomes of a video that YouTube has: processed, failed, rejected, or locked to private.

https://developers.google.com/youtube/v3/docs/videos
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from workers.errors import AccountRefused, Ambiguous, PublishError, RequestRefused
from workers.platforms.base import Context
from workers.platforms.fields import child, children, text, whole
from workers.platforms.pauses import pause_seconds
from workers.platforms.results import Processing, Published
from workers.platforms.verdicts import Verdict
from workers.platforms.youtube import codes
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.upload import YouTubeUpload

PARTS = "status,processingDetails"
POLL_MAX_SECONDS = 120.0
#: A video may be missing from the list for some minutes after it was taken.
NOT_SHOWN_LIMIT_SECONDS = 900
#: Hours are normal for long or large videos. After a day the post counts as published, since it
#: exists with its id and privacy, and its fate is followed up.
PROCESSING_LIMIT_SECONDS = 86_400


def video_url(video_id: str) -> str:
    """Return the page of a video, which the API does not name."""
    return f"https://www.youtube.com/watch?v={video_id}"


def ask(client: Client, context: Context, upload: YouTubeUpload) -> Processing | Published:
    """Read the video once. Raises why YouTube failed or rejected it."""
    video_id = upload.video_id or ""
    try:
        video = _read(client, video_id)
    except (AccountRefused, RequestRefused) as error:
        # It was taken and has its id; what is refused is only to watch it being processed.
        unwatched = f"YouTube does not let us follow the video's processing ({error.code})"
        return _published(context, video_id, upload.privacy, unwatched)
    waited = context.now().timestamp() - (upload.completed_at or 0.0)
    first = client.api.poll_seconds
    pause = pause_seconds(first, waited, longest_seconds=POLL_MAX_SECONDS)
    if video is None:
        return _not_shown(pause, waited)
    return _judge(context, video, pause, waited)


def follow(
    client: Client, context: Context, upload: YouTubeUpload, post_id: str | None
) -> Published:
    """Read a live video once more; what went wrong with it since becomes a warning."""
    video_id = post_id or upload.video_id
    if video_id is None:
        return Published(None)
    try:
        video = _read(client, video_id)
    except (AccountRefused, RequestRefused):
        return Published(video_id, video_url(video_id))
    if video is None:
        return Published(
            video_id, video_url(video_id), warnings=("YouTube does not show the video any more",)
        )
    problem = _problem(video)
    if problem is not None:
        return Published(video_id, video_url(video_id), warnings=(_sentence(problem),))
    status = child(video, "status")
    is_open = text(status, "uploadStatus") == "uploaded"
    warnings = _privacy_warnings(context, text(status, "privacyStatus"))
    return Published(video_id, video_url(video_id), follow_up=is_open, warnings=warnings)


def _read(client: Client, video_id: str) -> Mapping[str, Any] | None:
    items = children(client.read("videos", part=PARTS, id=video_id), "items")
    return next((item for item in items if text(item, "id") == video_id), None)


def _judge(
    context: Context, video: Mapping[str, Any], pause: float, waited: float
) -> Processing | Published:
    problem = _problem(video)
    if problem is not None:
        raise problem.for_dead_upload()
    status = child(video, "status")
    privacy = text(status, "privacyStatus")
    if text(status, "uploadStatus") == "processed":
        return _published(context, text(video, "id"), privacy)
    if waited < PROCESSING_LIMIT_SECONDS:
        return Processing(pause, _percent(video))
    late = "YouTube is still processing the video"
    return _published(context, text(video, "id"), privacy, late, follow_up=True)


def _problem(video: Mapping[str, Any]) -> PublishError | None:
    """Return what the video has died of, if it has."""
    status, details = child(video, "status"), child(video, "processingDetails")
    upload_status = text(status, "uploadStatus")
    if upload_status == "failed":
        reason = text(status, "failureReason")
        return _failure(codes.FAILURES.get(reason, codes.UNKNOWN_FAILURE), reason or "failed")
    if upload_status == "rejected":
        reason = text(status, "rejectionReason")
        return _rejection(codes.REJECTIONS.get(reason, codes.UNKNOWN_REJECTION), reason)
    if upload_status == "deleted":
        return RequestRefused("deleted", "the video was deleted on YouTube")
    if upload_status == "uploaded" and text(details, "processingStatus") == "failed":
        reason = text(details, "processingFailureReason") or "other"
        return _failure(codes.PROCESSING_FAILURES.get(reason, codes.UNKNOWN_FAILURE), reason)
    return None


def _failure(verdict: Verdict, reason: str) -> PublishError:
    return verdict.error_for(reason, "YouTube could not process the video")


def _rejection(verdict: Verdict, reason: str) -> PublishError:
    return verdict.error_for(reason or "rejected", "YouTube rejected the video")


def _sentence(problem: PublishError) -> str:
    sentence = f"{problem.detail} ({problem.code})"
    return f"{sentence}: {problem.hint}" if problem.hint else sentence


def _not_shown(pause: float, waited: float) -> Processing:
    if waited < NOT_SHOWN_LIMIT_SECONDS:
        return Processing(pause)
    raise Ambiguous(
        "video_not_shown",
        "YouTube took the video but does not show it",
        hint="Look in YouTube Studio whether the video is there, or was deleted",
    )


def _published(
    context: Context, video_id: str, privacy: str, *warnings: str, follow_up: bool = False
) -> Published:
    said = _privacy_warnings(context, privacy) + warnings
    return Published(video_id, video_url(video_id), follow_up=follow_up, warnings=said)


def _privacy_warnings(context: Context, privacy: str) -> tuple[str, ...]:
    """Say that YouTube changed the privacy, as it does for projects that it has not audited.

    https://developers.google.com/youtube/v3/docs/videos/insert
    """
    if privacy in ("", context.draft.privacy):
        return ()
    return (
        f"YouTube made the video {privacy} instead of {context.draft.privacy}: it locks what"
        " apps upload that it has not audited",
    )


def _percent(video: Mapping[str, Any]) -> int | None:
    progress = child(child(video, "processingDetails"), "processingProgress")
    done, total = whole(progress, "partsProcessed"), whole(progress, "partsTotal")
    if done is None or not total:
        return None
    return max(0, min(100, done * 100 // total))
