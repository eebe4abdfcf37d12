"""What becomes of an upload: bytes missing, processing, live, failed, or beyond knowing.

https://developers.tiktok.com/doc/content-posting-api-reference-get-video-status
"""

from __future__ import annotations

from datetime import datetime, timezone
from urllib.parse import quote

from workers.errors import Ambiguous, PublishError, RateLimited, RequestRefused, UploadGone
from workers.platforms.base import Context
from workers.platforms.pauses import pause_seconds
from workers.platforms.results import Incomplete, Processing, Published
from workers.platforms.tiktok import codes, listing, status
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.refusals import CODE_MAX_CHARS
from workers.platforms.tiktok.status import Status
from workers.platforms.tiktok.upload import TikTokUpload
from workers.platforms.verdicts import Verdict

#: TikTok allows 30 reads a minute and token.
POLL_MAX_SECONDS = 30.0
#: TikTok names no longest time; 4 GB take minutes. Whoever waits longer than this has to look.
PROCESSING_LIMIT_SECONDS = 2 * 3600
#: Moderation, before which a public post has no id, may take hours.
POST_ID_LIMIT_SECONDS = 24 * 3600
LOOK = "Look in the TikTok app whether it was posted"


def judge(
    client: Client, context: Context, upload: TikTokUpload, found: Status
) -> Incomplete | Processing | Published:
    """Return what a status means for an upload, or raise why TikTok failed it.

    Raises `UploadGone` where a new upload may be opened, `Ambiguous` where a person must look.
    """
    now = context.now().timestamp()
    if found.state == status.PUBLISH_COMPLETE:
        return published(upload, found, now)
    if found.state == status.FAILED:
        raise _failure(upload, found.fail_reason, now).for_dead_upload()
    if found.state == status.SEND_TO_USER_INBOX:
        raise Ambiguous("sent_to_inbox", "TikTok sent the video to the account's inbox", hint=LOOK)
    if found.missing_from(upload) is not None:
        return unfinished(client, upload, found.missing_from(upload) or 0, now)
    if upload.waited_seconds(now) >= PROCESSING_LIMIT_SECONDS:
        unsettled = Ambiguous(
            "processing_too_long", "TikTok has been at the video for hours", hint=LOOK
        )
        return reconcile(client, context, upload, unsettled)
    return ask_again(client, upload, now)


def unfinished(
    client: Client, upload: TikTokUpload, received_bytes: int, now: float
) -> Incomplete | Processing:
    """Return what to do about an upload that lacks bytes; raises `UploadGone` when it is dead.

    It is dead when its URL has expired, so that nobody can complete it.
    """
    if now < upload.expires_at:
        return Incomplete(received_bytes)
    if upload.is_settled(now):
        raise UploadGone("upload_url_expired", "TikTok's upload address expired before the end")
    return ask_again(client, upload, now)


def reconcile(
    client: Client, context: Context, upload: TikTokUpload, unsettled: Ambiguous
) -> Published:
    """Return the post that the account's list shows for this upload, or raise `unsettled`."""
    post_id = listing.find_post(client, context, upload)
    if post_id is None:
        raise unsettled
    return Published(post_id, post_url(upload, post_id), warnings=_warnings(upload))


def never_finished(error: RequestRefused) -> PublishError:
    """Return the error for an upload that TikTok does not tell of: its end was never sent, so that
    it has published nothing. One that is forgotten is begun anew."""
    if error.code == codes.FORGOTTEN:
        return UploadGone(error.code, error.detail).for_dead_upload()
    return error.for_dead_upload()


def unreadable(upload: TikTokUpload, error: RequestRefused) -> Ambiguous:
    """Return the error for an upload whose end was sent and whose status TikTok withholds."""
    detail = f"TikTok does not tell what became of the video ({error.code})"
    return Ambiguous(error.code, detail, hint=LOOK)


def published(upload: TikTokUpload, found: Status, now: float) -> Published:
    """Return a post that is live; its id comes late, and never for a private one."""
    post_id = found.post_ids[0] if found.post_ids else None
    is_awaited = upload.is_public and upload.waited_seconds(now) < POST_ID_LIMIT_SECONDS
    return Published(
        post_id,
        post_url(upload, post_id),
        follow_up=post_id is None and is_awaited,
        warnings=_warnings(upload),
    )


def post_url(upload: TikTokUpload, post_id: str | None) -> str | None:
    """Return the page of a post, which the API does not name."""
    if post_id is None or not upload.username:
        return None
    return f"https://www.tiktok.com/@{quote(upload.username)}/video/{post_id}"


def ask_again(client: Client, upload: TikTokUpload, now: float) -> Processing:
    """Return when to look again: soon at first, and less and less often."""
    first, waited = client.api.poll_seconds, upload.waited_seconds(now)
    return Processing(pause_seconds(first, waited, longest_seconds=POLL_MAX_SECONDS))


def _failure(upload: TikTokUpload, reason: str, now: float) -> PublishError:
    """Return why nothing was posted, so that a new upload does no harm."""
    verdict = codes.FAILURES.get(reason) or _unknown_failure(upload, reason)
    code, detail = reason[:CODE_MAX_CHARS] or "failed", "TikTok did not publish the video"
    ended_at = upload.final_started_at or now
    retry_at = datetime.fromtimestamp(ended_at + verdict.wait_seconds, timezone.utc)
    if verdict.error is RateLimited and now >= retry_at.timestamp():
        return UploadGone(code, detail)  # the wait is over, and this upload stays failed
    return verdict.error_for(code, detail, retry_at=retry_at)


def _unknown_failure(upload: TikTokUpload, reason: str) -> Verdict:
    if not reason and upload.final_started_at is None:
        return Verdict(UploadGone)  # it was never complete: there is nothing to hold against it
    return codes.UNKNOWN_FAILURE


def _warnings(upload: TikTokUpload) -> tuple[str, ...]:
    if not upload.overridden:
        return ()
    return (f"TikTok allows no {upload.overridden} here: the account's settings forbid it",)
