"""The one request that makes a Reel public, and what follows if it is not confirmed.

https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media_publish
"""

from __future__ import annotations

from dataclasses import replace

from workers.errors import OutcomeUnknown, PublishError, Transient
from workers.platforms.base import Context
from workers.platforms.instagram import judging
from workers.platforms.instagram.client import Client
from workers.platforms.instagram.codes import (
    DUPLICATE_POST,
    PERHAPS_LIVE,
    PUBLISHES_MAX,
    PUBLISHES_MAX_OTHERS,
)
from workers.platforms.instagram.containers import FINISHED, read_container, while_maybe_live
from workers.platforms.instagram.fields import identifier
from workers.platforms.instagram.posts import read_post, set_comments
from workers.platforms.instagram.refusals import PublishFailed, dump_refusal, load_refusal
from workers.platforms.instagram.upload import InstagramUpload
from workers.platforms.results import Incomplete, Processing, Published, Ready

#: The platform sometimes takes long to publish; a lost response costs more than the wait.
RESPONSE_SECONDS = 120.0
#: How long a container must stay FINISHED after a publish before that publish counts as without
#: effect; doubled with each further publish, up to the maximum.
SETTLE_SECONDS = 60.0
SETTLE_MAX_SECONDS = 1800.0


def publish_container(
    client: Client, context: Context, upload: InstagramUpload
) -> Published | Processing:
    """Publish a FINISHED container.

    The container's state outranks the response: the platform has responded with an error while
    the post was live (https://github.com/gitroomhq/postiz-app/issues/1681). So a lost response
    raises `OutcomeUnknown`, and a refusal is believed only after reads, the first of which may
    be too early.
    """
    client.spend_call()  # may have to wait, so do it before storing that the post may be live
    now = context.now().timestamp()
    started = replace(
        upload,
        publishing_at=upload.publishing_at or now,
        publish_calls=upload.publish_calls + 1,
        settled_at=now + RESPONSE_SECONDS + _settle_seconds(upload),
        may_be_live=True,
    )
    context.journal.commit_to_publish(started)
    try:
        media_id = _media_publish(client, context, started)
    except PublishError as error:
        settled_at = context.now().timestamp() + _settle_seconds(upload)
        ended = _unconfirmed(replace(started, settled_at=settled_at), error)
        context.journal.save(ended)
        if isinstance(error, (OutcomeUnknown, Transient)):
            raise
        return _after_refusal(client, context, ended, error)
    context.journal.save(replace(started, media_id=media_id))
    warnings = set_comments(client, context, media_id)
    return read_post(client, media_id, warnings=warnings)


def confirm_refusal(client: Client, context: Context, upload: InstagramUpload) -> Published:
    """Raise the refusal of a publish whose container is still FINISHED once settled, and forget it.

    The next attempt, or a person's retry, publishes the same container again. Returns the post
    instead where the account's list shows one, which is searched unless the refusal is clear.
    """
    assert upload.refusal is not None
    refusal = load_refusal(upload.refusal)
    with while_maybe_live(upload):
        is_clear = refusal.code not in PERHAPS_LIVE and not isinstance(refusal, Transient)
        found = None if is_clear else judging.find_only_post(client, context, upload)
    if found is not None:
        return found
    context.journal.save(replace(upload, refusal=None, may_be_live=False))
    raise _proved(upload, refusal)


def _proved(upload: InstagramUpload, refusal: PublishError) -> PublishError:
    """Mark a refusal as proof that nothing is live, if no publish was lost and none succeeded."""
    if upload.ended_calls < upload.publish_calls or refusal.code in PERHAPS_LIVE:
        return refusal
    return refusal.for_unpublished()


def _media_publish(client: Client, context: Context, upload: InstagramUpload) -> str:
    response = client.post(
        f"{context.access.platform_user_id}/media_publish",
        {"creation_id": upload.container_id},
        acts=True,
        read_seconds=RESPONSE_SECONDS,
        is_spent=True,
    )
    media_id = identifier(response, "id")
    if media_id is None:
        raise OutcomeUnknown("bad_answer", "Instagram did not say which post was made")
    return media_id


def _unconfirmed(upload: InstagramUpload, error: PublishError) -> InstagramUpload:
    """Return the checkpoint after a publish that ended in an error.

    An error that may pass is stored, to be raised once proved, only after many publishes; and never
    after one whose response was lost, since what the later ones meet may then be its effect.
    """
    if isinstance(error, OutcomeUnknown) and not isinstance(error, PublishFailed):
        return upload
    upload = replace(upload, ended_calls=upload.ended_calls + 1)
    publishes_max = PUBLISHES_MAX.get(error.code, PUBLISHES_MAX_OTHERS)
    if isinstance(error, PublishFailed) and not (
        upload.publish_calls == upload.ended_calls >= publishes_max
    ):
        return upload
    return replace(upload, refusal=dump_refusal(error))


def _after_refusal(
    client: Client, context: Context, upload: InstagramUpload, refusal: PublishError
) -> Published | Processing:
    """Read the container to learn whether a refused publish took effect all the same.

    While it is FINISHED, that is not proved yet: a refusal of the post itself stays stored until
    it is. A refusal that concerns only the moment, such as a rate limit, is raised at once.
    """
    found: Incomplete | Processing | Ready | Published | None = None
    with while_maybe_live(upload):
        container = read_container(client, upload)
        if container is None:
            raise OutcomeUnknown(refusal.code, refusal.detail) from refusal
        if container.status_code != FINISHED:
            found = judging.judge(client, context, upload, container)
        elif refusal.code == DUPLICATE_POST:
            found = judging.find_post(client, context, upload)
    if isinstance(found, (Published, Processing)):
        return found
    if upload.refusal is None:
        context.journal.save(replace(upload, may_be_live=False))
        raise refusal
    return Processing(max(upload.settled_at - context.now().timestamp(), 1.0))


def _settle_seconds(upload: InstagramUpload) -> float:
    doublings = min(upload.publish_calls, 10)
    return min(SETTLE_SECONDS * 2.0**doublings, SETTLE_MAX_SECONDS)
