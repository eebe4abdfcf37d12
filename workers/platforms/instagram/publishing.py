"""The one request that makes a reel public, and what follows when it does not say yes.

https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/media_publish
"""

from __future__ import annotations

from dataclasses import replace

from workers.errors import OutcomeUnknown, PublishError, Transient
from workers.platforms.base import Context
from workers.platforms.instagram.client import Graph
from workers.platforms.instagram.codes import DUPLICATE_POST
from workers.platforms.instagram.containers import FINISHED, read_container, while_maybe_live
from workers.platforms.instagram.fate import Judge
from workers.platforms.instagram.fields import identifier
from workers.platforms.instagram.posts import look_at, set_comments
from workers.platforms.instagram.refusals import recalled, remembered
from workers.platforms.instagram.upload import InstagramUpload
from workers.platforms.results import Processing, Published

#: Publishing takes the platform long at times; a lost answer costs more than a wait.
ANSWER_SECONDS = 120.0
#: How long a container must go on being FINISHED after a publish, before that is believed to
#: have done nothing; doubled with each further publish up to the maximum.
SETTLE_SECONDS = 60.0
SETTLE_MAX_SECONDS = 1800.0


def publish_container(
    graph: Graph, context: Context, upload: InstagramUpload, poll_seconds: float
) -> Published | Processing:
    """Publish a FINISHED container.

    The container's own state outranks whatever is answered: the platform has answered with an
    error while the post was live (https://github.com/gitroomhq/postiz-app/issues/1681). So an
    answer that is lost raises `OutcomeUnknown`, and a refusal is believed only after reads: the
    first of them may be too early.
    """
    graph.count_call()  # before it is written down that the post may be live: it may have to wait
    now = context.now().timestamp()
    begun = replace(
        upload,
        publishing_at=upload.publishing_at or now,
        publish_calls=upload.publish_calls + 1,
        settled_at=now + ANSWER_SECONDS + _settle_seconds(upload),
        may_be_live=True,
    )
    context.journal.commit_to_publish(begun)
    try:
        media_id = _media_publish(graph, context, begun)
    except PublishError as error:
        settled_at = context.now().timestamp() + _settle_seconds(upload)
        ended = replace(begun, settled_at=settled_at, refusal=remembered(error))
        context.journal.save(ended)
        if isinstance(error, (OutcomeUnknown, Transient)):
            raise
        return _after_refusal(graph, context, ended, refusal=error, poll_seconds=poll_seconds)
    context.journal.save(replace(begun, media_id=media_id))
    warnings = set_comments(graph, context, media_id)
    return look_at(graph, media_id, warnings=warnings)


def _media_publish(graph: Graph, context: Context, upload: InstagramUpload) -> str:
    answer = graph.post(
        f"{context.access.platform_user_id}/media_publish",
        {"creation_id": upload.container_id},
        acts=True,
        read_seconds=ANSWER_SECONDS,
        is_counted=True,
    )
    media_id = identifier(answer, "id")
    if media_id is None:
        raise OutcomeUnknown("bad_answer", "Instagram did not say which post was made")
    return media_id


def _after_refusal(
    graph: Graph,
    context: Context,
    upload: InstagramUpload,
    *,
    refusal: PublishError,
    poll_seconds: float,
) -> Published | Processing:
    """Read the container. What calls itself FINISHED still has not shown yet that nothing came of
    the request, so that a refusal of the post is kept until it has; one for now only is raised."""
    with while_maybe_live(upload):
        container = read_container(graph, upload)
    if container is None:
        raise OutcomeUnknown(refusal.code, refusal.detail) from refusal
    if container.status_code == FINISHED:
        found = None
        if refusal.code == DUPLICATE_POST:
            found = Judge(graph, context, upload, poll_seconds).listed()
        if found is not None:
            return found
        if upload.refusal is None:
            context.journal.save(replace(upload, may_be_live=False))
            raise refusal
        return Processing(max(upload.settled_at - context.now().timestamp(), 1.0))
    judged = Judge(graph, context, upload, poll_seconds).judge(container)
    if isinstance(judged, (Published, Processing)):
        return judged
    raise refusal


def believed(context: Context, upload: InstagramUpload) -> PublishError:
    """Return the refusal of a publish that has proven to have done nothing; a person's retry is
    another publish of the same container."""
    assert upload.refusal is not None
    context.journal.save(replace(upload, refusal=None, may_be_live=False))
    return recalled(upload.refusal)


def _settle_seconds(upload: InstagramUpload) -> float:
    doublings = min(upload.publish_calls, 10)
    return min(SETTLE_SECONDS * 2.0**doublings, SETTLE_MAX_SECONDS)
