"""What a container's state means: bytes missing, processing, ready, live, failed, or unknown.

A container that has reached `media_publish` may be published or dead. Which of the account's
posts it became is known only from the list of posts, and only if exactly one matches.
https://developers.facebook.com/docs/instagram-platform/content-publishing
"""

from __future__ import annotations

import logging

from workers.errors import Ambiguous, PublishError, Transient, UploadGone
from workers.platforms.base import Context
from workers.platforms.instagram.client import Client
from workers.platforms.instagram.codes import MISSING_OBJECT
from workers.platforms.instagram.containers import (
    EXPIRED,
    FINISHED,
    IN_PROGRESS,
    LIFETIME_SECONDS,
    PUBLISHED,
    Container,
    error_of,
)
from workers.platforms.instagram.listing import find_posts
from workers.platforms.instagram.posts import comments_warning, published
from workers.platforms.instagram.upload import InstagramUpload
from workers.platforms.polling import poll_interval_seconds
from workers.platforms.results import Incomplete, Processing, Published, Ready

logger = logging.getLogger(__name__)
#: A new container may not be visible everywhere at once.
#: https://github.com/gitroomhq/postiz-app/issues/1562
FRESH_SECONDS = 120
#: Our own deadline; before `media_publish`, another container does no harm.
PROCESSING_LIMIT_SECONDS = 30 * 60
POLL_MAX_SECONDS = 60.0
#: The shortest interval once most of a call limit is used.
POLL_BUSY_SECONDS = 120.0


def judge(
    client: Client, context: Context, upload: InstagramUpload, container: Container | None
) -> Incomplete | Processing | Ready | Published:
    """Return what a container's state means for an upload; `container` None: it was not found.

    Raises `UploadGone` only if nothing can be live, `Ambiguous` if a person must look.
    """
    if container is None:
        return _judge_missing(client, context, upload)
    if container.status_code == PUBLISHED:
        return live_post(client, context, upload)
    if container.status_code == FINISHED:
        # A publish whose response was lost may still be in flight: wait before the next one.
        left = upload.settled_at - context.now().timestamp()
        return Processing(max(left, 1.0)) if left > 0 else Ready()
    if container.is_dead:
        return _judge_dead(client, context, upload, container)
    return _judge_processing(client, context, upload, container)


def live_post(client: Client, context: Context, upload: InstagramUpload) -> Published:
    """Return a post known to be live, with its id if the account's list shows it. Never fails."""
    try:
        found = find_post(client, context, upload)
    except PublishError as error:
        logger.info("the list of posts was not read: %s", error.code)
        found = None
    if found is not None:
        return found
    return Published(None, follow_up=True, warnings=comments_warning(context.draft))


def find_post(client: Client, context: Context, upload: InstagramUpload) -> Published | None:
    """Search the account's list for the post; None if none matches, or several do."""
    matches = _matches(client, context, upload)
    return matches[0] if len(matches) == 1 else None


def find_only_post(client: Client, context: Context, upload: InstagramUpload) -> Published | None:
    """Search the account's list for the post; None if none matches, `Ambiguous` if several do."""
    matches = _matches(client, context, upload)
    if len(matches) > 1:
        raise _ambiguous()
    return matches[0] if matches else None


def reconcile(client: Client, context: Context, upload: InstagramUpload) -> Published:
    """Return the post that the account's list shows for this upload; else raise `Ambiguous`."""
    found = find_only_post(client, context, upload)
    if found is None:
        raise _ambiguous()
    return found


def lacks_bytes(upload: InstagramUpload, container: Container, size_bytes: int) -> bool:
    """Return whether the platform is waiting for our bytes; never for a confirmed upload."""
    if not upload.upload_url or upload.is_sent or container.has_all_bytes:
        return False
    return (container.received_bytes or 0) < size_bytes


def _judge_missing(
    client: Client, context: Context, upload: InstagramUpload
) -> Processing | Published:
    age = context.now().timestamp() - upload.created_at
    if upload.publishing_at is None:
        if age > FRESH_SECONDS:
            raise UploadGone(MISSING_OBJECT, "Instagram no longer knows the upload")
        return _poll_again(client, context, upload)
    if age <= LIFETIME_SECONDS:
        raise Transient(MISSING_OBJECT, "Instagram does not show the upload at the moment")
    return reconcile(client, context, upload)


def _judge_processing(
    client: Client, context: Context, upload: InstagramUpload, container: Container
) -> Incomplete | Processing | Published:
    now = context.now().timestamp()
    if upload.publishing_at is not None:
        if now - upload.created_at > LIFETIME_SECONDS:
            return reconcile(client, context, upload)
        return _poll_again(client, context, upload)
    if container.status_code == IN_PROGRESS and lacks_bytes(
        upload, container, context.source.size_bytes
    ):
        return Incomplete(container.received_bytes or 0)
    if now - upload.moved_at > PROCESSING_LIMIT_SECONDS:
        raise UploadGone("processing_timeout", "Instagram did not finish the video in time")
    return _poll_again(client, context, upload)


def _judge_dead(
    client: Client, context: Context, upload: InstagramUpload, container: Container
) -> Published:
    """Raise the container's error, unless a post shows that it was published before.

    It is not documented whether PUBLISHED outlives a container's 24 hours, so EXPIRED after a
    publish of unknown outcome proves nothing.
    """
    if upload.publishing_at is None:
        raise error_of(container)
    is_unknown = upload.may_be_live and container.status_code == EXPIRED
    matches = _matches(client, context, upload)
    if len(matches) == 1:
        return matches[0]
    if matches or is_unknown:
        raise _ambiguous()
    raise error_of(container)


def _matches(client: Client, context: Context, upload: InstagramUpload) -> list[Published]:
    warnings = comments_warning(context.draft)
    return [
        published(post.id, post.url, warnings=warnings)
        for post in find_posts(client, context, upload)
    ]


def _poll_again(client: Client, context: Context, upload: InstagramUpload) -> Processing:
    waited = context.now().timestamp() - upload.moved_at
    seconds = poll_interval_seconds(
        client.api.poll_seconds, waited, longest_seconds=POLL_MAX_SECONDS
    )
    return Processing(max(seconds, POLL_BUSY_SECONDS) if client.is_busy else seconds)


def _ambiguous() -> Ambiguous:
    return Ambiguous(
        "publish_outcome_unknown",
        "Instagram can no longer tell whether the post is live",
        hint="Look at the profile, then say whether the post is there",
    )
