"""What YouTube's state of a video means: processing, live, failed, rejected, locked, or unknown.

https://developers.google.com/youtube/v3/docs/videos
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from workers.errors import AccountRefused, Ambiguous, PublishError, RequestRefused
from workers.platforms.base import Context, Draft
from workers.platforms.fields import child, children, text, whole
from workers.platforms.polling import poll_interval_seconds
from workers.platforms.results import Processing, Published
from workers.platforms.youtube import codes
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.covers import cover_warnings
from workers.platforms.youtube.listing import find_posts
from workers.platforms.youtube.sending import store_video_id
from workers.platforms.youtube.upload import YouTubeUpload

PARTS = "status,processingDetails"
POLL_MAX_SECONDS = 120.0
#: `videos.list` may omit a new video for some minutes.
NOT_SHOWN_LIMIT_SECONDS = 900
#: Hours are normal for long or large videos. After a day the post counts as published: it exists,
#: with its id and privacy, and is followed up.
PROCESSING_LIMIT_SECONDS = 86_400
#: The list lags by minutes: a video counts as missing after two searches this far apart.
SEARCH_AGAIN_SECONDS = 300.0
#: How long a video with the right title may lack its file details.
DETAILS_LIMIT_SECONDS = 6 * 3600


def post_url(video_id: str) -> str:
    """Return a video's page, which the API does not provide."""
    return f"https://www.youtube.com/watch?v={video_id}"


def judge(client: Client, context: Context, upload: YouTubeUpload) -> Processing | Published:
    """Read the video once; raise why YouTube failed or rejected it.

    Raises `Ambiguous` if YouTube accepted the video but does not show it.
    """
    video_id = upload.video_id or ""
    try:
        video = _read_video(client, video_id)
    except (AccountRefused, RequestRefused) as error:
        # The video exists and has its id; only watching its processing was refused.
        unwatched = f"YouTube does not let us follow the video's processing ({error.code})"
        return _published(context.draft, upload, upload.privacy, unwatched)
    waited = context.now().timestamp() - (upload.completed_at or 0.0)
    interval = poll_interval_seconds(
        client.api.poll_seconds, waited, longest_seconds=POLL_MAX_SECONDS
    )
    if video is None:
        if waited < NOT_SHOWN_LIMIT_SECONDS:
            return Processing(interval)
        raise Ambiguous(
            "video_not_shown",
            "YouTube accepted the video but does not show it",
            hint="Look in YouTube Studio whether the video is there, or was deleted",
        )
    problem = _problem(video)
    if problem is not None:
        raise problem.for_dead_upload()
    status = child(video, "status")
    privacy = text(status, "privacyStatus")
    if text(status, "uploadStatus") == "processed":
        return _published(context.draft, upload, privacy)
    if waited < PROCESSING_LIMIT_SECONDS:
        return Processing(interval, _percent(video))
    late = "YouTube is still processing the video"
    return _published(context.draft, upload, privacy, late, follow_up=True)


def known_video(draft: Draft, upload: YouTubeUpload) -> Published | None:
    """Return the video as of the end of its upload; None if there is no id of it.

    https://developers.google.com/youtube/v3/docs/videos/insert
    """
    if upload.video_id is None:
        return None
    return _published(draft, upload, upload.privacy, follow_up=True)


def reconcile(client: Client, context: Context, upload: YouTubeUpload) -> Processing:
    """Search the channel's list for the upload's video and store its id if it is there.

    Our own file name is proof. Where YouTube reports no file name, title and size are, if
    exactly one video has both. Raises `Ambiguous` if two searches found nothing, or if no search
    can decide.
    """
    try:
        videos = find_posts(client, context, upload)
    except (AccountRefused, RequestRefused) as error:
        raise _ambiguous(f"YouTube does not let us look for the video ({error.code})") from error
    ours = [video for video in videos if video.file_name == upload.file_name]
    nameless = [
        video
        for video in videos
        if not video.file_name and video.title == context.draft.title.strip()
    ]
    alike = [video for video in nameless if video.size_bytes == upload.size_bytes]
    unknown = [video for video in nameless if video.size_bytes is None]
    if not ours and not unknown and len(alike) == 1:
        ours = alike
    if ours:
        store_video_id(context, upload, ours[0].id)
        return Processing(client.api.poll_seconds)
    if unknown and _waited_seconds(context, upload.final_started_at) < DETAILS_LIMIT_SECONDS:
        return Processing(SEARCH_AGAIN_SECONDS)
    if alike or unknown:
        raise _ambiguous("several videos on YouTube could be this post")
    return _not_listed(context, upload)


def follow_up(
    client: Client, context: Context, upload: YouTubeUpload, post_id: str | None
) -> Published:
    """Read a live video once more; any later problem becomes a warning."""
    video_id = post_id or upload.video_id
    if video_id is None:
        return Published(None)
    url = post_url(video_id)
    try:
        video = _read_video(client, video_id)
    except (AccountRefused, RequestRefused):
        return Published(video_id, url)
    if video is None:
        return Published(video_id, url, warnings=("YouTube no longer shows the video",))
    problem = _problem(video)
    if problem is not None:
        return Published(video_id, url, warnings=(_sentence(problem),))
    status = child(video, "status")
    is_processing = text(status, "uploadStatus") == "uploaded"
    warnings = _privacy_warnings(context.draft, text(status, "privacyStatus"))
    return Published(video_id, url, follow_up=is_processing, warnings=warnings)


def _not_listed(context: Context, upload: YouTubeUpload) -> Processing:
    if upload.not_listed_at is None:
        context.journal.save(replace(upload, not_listed_at=context.now().timestamp()))
        return Processing(SEARCH_AGAIN_SECONDS)
    waited = _waited_seconds(context, upload.not_listed_at)
    if waited < SEARCH_AGAIN_SECONDS:
        return Processing(SEARCH_AGAIN_SECONDS - waited)
    raise _ambiguous("YouTube dropped the upload at its end and does not list the video")


def _ambiguous(detail: str) -> Ambiguous:
    return Ambiguous("outcome_unknown", detail, hint="Look in YouTube Studio for the video")


def _waited_seconds(context: Context, since: float | None) -> float:
    return context.now().timestamp() - (since or 0.0)


def _read_video(client: Client, video_id: str) -> Mapping[str, Any] | None:
    items = children(client.get("videos", part=PARTS, id=video_id), "items")
    return next((item for item in items if text(item, "id") == video_id), None)


def _problem(video: Mapping[str, Any]) -> PublishError | None:
    """Return why the video will never be shown; None if nothing is wrong with it."""
    status, details = child(video, "status"), child(video, "processingDetails")
    upload_status = text(status, "uploadStatus")
    if upload_status == "failed":
        reason = text(status, "failureReason") or "failed"
        verdict = codes.FAILURES.get(reason, codes.UNKNOWN_FAILURE)
        return verdict.error_for(
            reason, verdict.reason or f"YouTube could not process the video: {reason}"
        )
    if upload_status == "rejected":
        reason = text(status, "rejectionReason") or "rejected"
        verdict = codes.REJECTIONS.get(reason, codes.UNKNOWN_REJECTION)
        return verdict.error_for(reason, verdict.reason or f"YouTube rejected the video: {reason}")
    if upload_status == "deleted":
        return RequestRefused("deleted", "the video was deleted on YouTube")
    if upload_status == "uploaded" and text(details, "processingStatus") == "failed":
        reason = text(details, "processingFailureReason") or "other"
        verdict = codes.PROCESSING_FAILURES.get(reason, codes.UNKNOWN_FAILURE)
        return verdict.error_for(
            reason, verdict.reason or f"YouTube could not process the video: {reason}"
        )
    return None


def _sentence(problem: PublishError) -> str:
    return f"{problem.detail}. {problem.hint}" if problem.hint else problem.detail


def _published(
    draft: Draft,
    upload: YouTubeUpload,
    privacy: str,
    *warnings: str,
    follow_up: bool = False,
) -> Published:
    video_id = upload.video_id or ""
    return Published(
        video_id,
        post_url(video_id),
        follow_up=follow_up,
        warnings=_privacy_warnings(draft, privacy) + warnings + cover_warnings(draft, upload),
    )


def _privacy_warnings(draft: Draft, privacy: str) -> tuple[str, ...]:
    """Return a warning if YouTube changed the privacy, as it does for unaudited projects.

    https://developers.google.com/youtube/v3/docs/videos/insert
    """
    if privacy in ("", draft.privacy):
        return ()
    return (
        f"YouTube made the video {privacy} instead of {draft.privacy}: it locks uploads"
        " from apps that it has not audited",
    )


def _percent(video: Mapping[str, Any]) -> int | None:
    progress = child(child(video, "processingDetails"), "processingProgress")
    done, total = whole(progress, "partsProcessed"), whole(progress, "partsTotal")
    if done is None or not total:
        return None
    return max(0, min(100, done * 100 // total))
