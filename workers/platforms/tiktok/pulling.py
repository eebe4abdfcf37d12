"""Lets TikTok fetch the video by a signed link, so that no byte passes through a worker.

The request that asks for the publish id publishes, too. When its answer is lost, no id leads to
what became of it: only the account's list can show the post, where that may be read and the post
is public. Else a person has to look; it is never asked for twice.
https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide
"""

from __future__ import annotations

from dataclasses import replace

from workers.errors import Ambiguous, OutcomeUnknown, PublishError, Transient, UploadGone
from workers.platforms.base import Context
from workers.platforms.results import Incomplete, Processing, Published
from workers.platforms.tiktok import fate, listing
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.opening import INIT, prepare, publish_id_of
from workers.platforms.tiktok.upload import UPLOAD_URL_SECONDS, TikTokUpload


def may_pull(client: Client, context: Context) -> bool:
    """Tell whether TikTok is to fetch the video, and there is a link by which it can."""
    return client.api.fetches and context.source.public_url is not None


def plan_to_pull(context: Context) -> TikTokUpload:
    """Return an upload for which nothing was asked yet: asking is publishing."""
    return TikTokUpload(
        publish_id="",
        upload_url="",
        expires_at=context.now().timestamp() + UPLOAD_URL_SECONDS,
        size_bytes=context.source.size_bytes,
        chunk_bytes=context.source.size_bytes,
        privacy_level="",
        is_pulled=True,
    )


def ask_to_pull(client: Client, context: Context, upload: TikTokUpload) -> TikTokUpload:
    """Have TikTok fetch and publish the video, unless it was asked before.

    Raises `OutcomeUnknown` where the answer is missing, and any refusal, after which it may be
    asked again.
    """
    if upload.final_started_at is not None:
        return upload
    link = context.source.public_url
    if link is None:
        raise UploadGone("no_link", "the store gives no link any more").for_dead_upload()
    prepared, post_info = prepare(client, context)
    now = context.now().timestamp()
    asked = replace(prepared, is_pulled=True, is_fresh=False, final_started_at=now)
    context.journal.commit_to_publish(asked)
    source_info = {"source": "PULL_FROM_URL", "video_url": link}
    try:
        data = client.ask(INIT, {"post_info": post_info, "source_info": source_info}, acts=True)
    except OutcomeUnknown:
        raise
    except PublishError as error:  # refused, or never sent
        context.journal.save(replace(asked, final_started_at=None))
        raise error.for_dead_upload()
    try:
        publish_id = publish_id_of(data)
    except Transient as error:  # taken, without an id
        raise OutcomeUnknown(error.code, error.detail) from error
    return replace(asked, publish_id=publish_id, delivered_at=context.now().timestamp())


def look_for(
    client: Client, context: Context, upload: TikTokUpload
) -> Incomplete | Processing | Published:
    """Return what became of a request whose answer is missing; raises `Ambiguous` in the end."""
    if upload.final_started_at is None:
        return Incomplete(0)
    unsettled = Ambiguous(
        "publish_outcome_unknown",
        "TikTok's answer was lost, and nothing tells whether the video was posted",
        hint=fate.LOOK,
    )
    is_over = upload.waited_seconds(context.now().timestamp()) >= fate.PROCESSING_LIMIT_SECONDS
    if is_over or not listing.may_find(context, upload):
        return fate.reconcile(client, context, upload, unsettled)
    try:
        return fate.reconcile(client, context, upload, unsettled)
    except Ambiguous:
        return fate.ask_again(client, upload, context.now().timestamp())
