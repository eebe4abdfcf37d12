"""What TikTok's state of an upload means: bytes missing, processing, live, failed, or unknown.

https://developers.tiktok.com/doc/content-posting-api-reference-get-video-status
"""

from __future__ import annotations

from datetime import datetime, timezone
from urllib.parse import quote

from workers.errors import Ambiguous, PublishError, RateLimited, RequestRefused, UploadGone
from workers.platforms.base import Context
from workers.platforms.polling import poll_interval_seconds
from workers.platforms.results import Incomplete, Processing, Published
from workers.platforms.tiktok import codes, listing, status
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.status import Status
from workers.platforms.tiktok.upload import TikTokUpload
from workers.platforms.verdicts import CODE_MAX_CHARS, Verdict

#: TikTok allows 30 status reads per minute and token.
#: https://developers.tiktok.com/doc/content-posting-api-reference-get-video-status
POLL_MAX_SECONDS = 30.0
#: TikTok documents no upper bound; 4 GB take minutes. After this a person has to look.
PROCESSING_LIMIT_SECONDS = 2 * 3600
#: A public post has no id before moderation, which may take hours.
POST_ID_LIMIT_SECONDS = 24 * 3600
CHECK_HINT = "Look in the TikTok app whether it was posted"


def judge(
    client: Client, context: Context, upload: TikTokUpload, found: Status
) -> Incomplete | Processing | Published:
    """Return what a status means for an upload; raise why TikTok failed it.

    Raises `UploadGone` if a new upload may be opened, `Ambiguous` if a person must look.
    """
    now = context.now().timestamp()
    if found.state == status.PUBLISH_COMPLETE:
        return published(upload, found, now)
    if found.state == status.FAILED:
        raise _failure(upload, found.fail_reason, now).for_dead_upload()
    if found.state == status.SEND_TO_USER_INBOX:
        raise Ambiguous(
            "sent_to_inbox", "TikTok sent the video to the account's inbox", hint=CHECK_HINT
        )
    missing_from = found.missing_from(upload)
    if missing_from is not None:
        return judge_incomplete(client, upload, missing_from, now)
    if upload.waited_seconds(now) >= PROCESSING_LIMIT_SECONDS:
        unsettled = Ambiguous(
            "processing_too_long", "TikTok has been processing the video for hours", hint=CHECK_HINT
        )
        return reconcile(client, context, upload, unsettled)
    return poll_again(client, upload, now)


def judge_incomplete(
    client: Client, upload: TikTokUpload, received_bytes: int, now: float
) -> Incomplete | Processing:
    """Return what to do about an upload that lacks bytes.

    Raises `UploadGone` once its URL has expired, so that nobody can complete it. One that is
    refused earlier is waited for: TikTok may have the whole file, and not count it yet.
    """
    if upload.takes_bytes(now):
        return Incomplete(received_bytes)
    if upload.is_settled(now):
        raise UploadGone("upload_url_expired", "TikTok's upload URL expired before the last byte")
    return poll_again(client, upload, now)


def reconcile(
    client: Client, context: Context, upload: TikTokUpload, unsettled: Ambiguous
) -> Published:
    """Return the post that the account's list shows for this upload; else raise `unsettled`."""
    post_id = listing.find_post(client, context, upload)
    if post_id is None:
        raise unsettled
    return Published(post_id, post_url(upload, post_id), warnings=_warnings(upload))


def never_completed(error: RequestRefused) -> PublishError:
    """Return the error for an upload whose status TikTok refuses, whose last byte was never sent.

    It has published nothing. If TikTok has forgotten it, a new one may be opened.
    """
    if error.code == codes.UNKNOWN_PUBLISH_ID:
        return UploadGone(error.code, error.detail).for_dead_upload()
    return error.for_dead_upload()


def unreadable(error: RequestRefused) -> Ambiguous:
    """Return the error for an upload whose status TikTok refuses, whose last byte was sent."""
    detail = f"TikTok does not say what became of the video ({error.code})"
    return Ambiguous(error.code, detail, hint=CHECK_HINT)


def published(upload: TikTokUpload, found: Status, now: float) -> Published:
    """Return a live post; its id appears late, and never for a private post."""
    post_id = found.post_ids[0] if found.post_ids else None
    is_awaited = upload.is_public and upload.waited_seconds(now) < POST_ID_LIMIT_SECONDS
    return Published(
        post_id,
        post_url(upload, post_id),
        follow_up=post_id is None and is_awaited,
        warnings=_warnings(upload),
    )


def post_url(upload: TikTokUpload, post_id: str | None) -> str | None:
    """Return a post's page, which the status API does not provide; None if unknown."""
    if post_id is None or not upload.username:
        return None
    return f"https://www.tiktok.com/@{quote(upload.username)}/video/{post_id}"


def poll_again(client: Client, upload: TikTokUpload, now: float) -> Processing:
    """Return when to poll next: at intervals that grow with the time waited."""
    first, waited = client.api.poll_seconds, upload.waited_seconds(now)
    return Processing(poll_interval_seconds(first, waited, longest_seconds=POLL_MAX_SECONDS))


def _failure(upload: TikTokUpload, reason: str, now: float) -> PublishError:
    """Return the error for status FAILED. Nothing was posted, so a new upload is safe."""
    verdict = codes.FAILURES.get(reason) or _unknown_failure(upload, reason)
    code = reason[:CODE_MAX_CHARS] or "failed"
    detail = verdict.reason or f"TikTok did not publish the video: {code}"
    ended_at = upload.final_started_at or now
    retry_at = datetime.fromtimestamp(ended_at + verdict.wait_seconds, timezone.utc)
    if verdict.error is RateLimited and now >= retry_at.timestamp():
        return UploadGone(code, detail)  # the wait is over, but this upload stays failed
    return verdict.error_for(code, detail, retry_at=retry_at)


def _unknown_failure(upload: TikTokUpload, reason: str) -> Verdict:
    if not reason and upload.final_started_at is None:
        return Verdict(UploadGone)  # it was never complete: the content is not to blame
    return codes.UNKNOWN_FAILURE


def _warnings(upload: TikTokUpload) -> tuple[str, ...]:
    if not upload.overridden:
        return ()
    return (f"TikTok allows no {upload.overridden} here: the account's settings forbid it",)
