"""Publishing a video that TikTok fetches by a signed link, so that no worker handles its bytes.

The init request itself publishes here. If its response is lost, there is no id by which to ask
what became of it: only the account's list can show the post, provided it is readable and the
post is public; otherwise a person has to look. The request is never repeated after that.
https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide
"""

from __future__ import annotations

from dataclasses import replace

from workers.errors import Ambiguous, OutcomeUnknown, PublishError, Transient, UploadGone
from workers.platforms.base import Context
from workers.platforms.results import Incomplete, Processing, Published
from workers.platforms.tiktok import judging, listing
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.opening import INIT, prepare, publish_id_of
from workers.platforms.tiktok.upload import UPLOAD_URL_SECONDS, TikTokUpload


def may_pull(client: Client, context: Context) -> bool:
    """Return whether TikTok is to fetch the video and the store has a link for it."""
    return client.api.fetches and context.source.public_url is not None


def plan_pull(context: Context) -> TikTokUpload:
    """Return an upload for which nothing was requested yet, since the request publishes."""
    return TikTokUpload(
        publish_id="",
        upload_url="",
        expires_at=context.now().timestamp() + UPLOAD_URL_SECONDS,
        size_bytes=context.source.size_bytes,
        chunk_bytes=context.source.size_bytes,
        privacy_level="",
        is_pulled=True,
    )


def request_pull(client: Client, context: Context, upload: TikTokUpload) -> TikTokUpload:
    """Have TikTok fetch and publish the video; does nothing if that was requested before.

    Raises `OutcomeUnknown` if the response was lost. Any other error is a refusal, after which
    the request may be made again.
    """
    if upload.final_started_at is not None:
        return upload
    link = context.source.public_url
    if link is None:
        raise UploadGone("no_link", "the video store no longer provides a link").for_dead_upload()
    prepared, post_info = prepare(client, context)
    now = context.now().timestamp()
    requested = replace(prepared, is_pulled=True, is_fresh=False, final_started_at=now)
    context.journal.commit_to_publish(requested)
    source_info = {"source": "PULL_FROM_URL", "video_url": link}
    try:
        data = client.post(INIT, {"post_info": post_info, "source_info": source_info}, acts=True)
    except OutcomeUnknown:
        raise
    except PublishError as error:  # refused, or never sent
        context.journal.save(replace(requested, final_started_at=None))
        raise error.for_dead_upload()
    try:
        publish_id = publish_id_of(data)
    except Transient as error:  # accepted, but without an id
        raise OutcomeUnknown(error.code, error.detail) from error
    return replace(requested, publish_id=publish_id, delivered_at=context.now().timestamp())


def judge_lost_request(
    client: Client, context: Context, upload: TikTokUpload
) -> Incomplete | Processing | Published:
    """Return what became of a request whose response was lost, by the account's list.

    Raises `Ambiguous` if the list cannot show the post, or has not in `PROCESSING_LIMIT_SECONDS`.
    """
    if upload.final_started_at is None:
        return Incomplete(0)
    now = context.now().timestamp()
    unsettled = Ambiguous(
        "publish_outcome_unknown",
        "TikTok's answer was lost, and nothing shows whether the video was posted",
        hint=judging.CHECK_HINT,
    )
    try:
        return judging.reconcile(client, context, upload, unsettled)
    except Ambiguous:
        is_over = upload.waited_seconds(now) >= judging.PROCESSING_LIMIT_SECONDS
        if is_over or not listing.can_find(context, upload):
            raise
        return judging.poll_again(client, upload, now)
