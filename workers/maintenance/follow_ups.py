"""Follow-ups of live posts of which something is missing: an id, a link, a review's verdict.

They only read: whatever the result, the job stays completed and nothing is posted again.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlalchemy import exists, select, update
from sqlalchemy.orm import Session, undefer

from app import timeline
from app.clock import utcnow
from app.crypto import UndecryptableError
from app.database.results import rows_changed
from app.database.transaction import transaction
from app.limits.unresponsive import unresponsive_platforms
from app.models import PublishedPost, PublishJob, TimelineEntry, Video
from workers.accounts.reading import read_as
from workers.errors import PublishError
from workers.handlers import load_handler
from workers.platforms.base import Access
from workers.platforms.results import Published
from workers.publishing.budget import RunBudget
from workers.publishing.contexts import reading_context
from workers.stopping import stop_requested
from workers.unresponsive import UnresponsivePlatforms

logger = logging.getLogger(__name__)
#: How long a post is followed up, and the pauses: a share of its age, within bounds.
FOLLOW_UP_FOR = timedelta(hours=24)
PAUSE_MIN = timedelta(minutes=1)
PAUSE_MAX = timedelta(hours=2)
PAUSE_SHARE = 0.5


def follow_up_due() -> None:
    """Follow up every post that is due, once; a run's function, safe at any time."""
    unresponsive = UnresponsivePlatforms()
    while not stop_requested.is_set():
        taken = _take_one(utcnow(), unresponsive.to_avoid())
        if taken is None:
            return
        post, job, video = taken
        try:
            with unresponsive.watch(post.platform):
                found = _read(post, job, video)
        except PublishError as error:
            logger.info("post %s not followed up: %s", post.id, error.code)
            continue
        _store(post, found, utcnow())


def is_any_to_follow_up(now: datetime) -> bool:
    """Tell whether a post is due whose platform responds."""
    with transaction() as session:
        others = PublishedPost.platform.not_in(unresponsive_platforms(session, now))
        return bool(
            session.scalar(select(exists().where(PublishedPost.follow_up_at <= now, others)))
        )


def _take_one(
    now: datetime, without: Collection[str]
) -> tuple[PublishedPost, PublishJob, Video] | None:
    """Claim a due post by rescheduling its next follow-up."""
    due = (PublishedPost.follow_up_at <= now, PublishedPost.platform.not_in(without))
    query = select(PublishedPost).where(*due).order_by(PublishedPost.follow_up_at).limit(1)
    with transaction() as session:
        while True:
            post = session.scalars(query).first()
            if post is None:
                return None
            job = _job_of(session, post)
            next_at = _next_follow_up(post, now)
            taken = session.execute(
                update(PublishedPost)
                .where(PublishedPost.id == post.id, PublishedPost.follow_up_at <= now)
                .values(follow_up_at=next_at)
                .execution_options(synchronize_session=False)
            )
            session.expire(post)
            if rows_changed(taken) == 1 and job is not None and job.checkpoint is not None:
                return post, job, session.get_one(Video, job.video_id)


def _job_of(session: Session, post: PublishedPost) -> PublishJob | None:
    """Return the post's job; None if it is gone, or no key decrypts its checkpoint."""
    whole = [undefer(PublishJob.checkpoint)]
    try:
        return session.get(PublishJob, post.job_id, options=whole, populate_existing=True)
    except UndecryptableError:
        return None


def _next_follow_up(post: PublishedPost, now: datetime) -> datetime | None:
    age = now - post.published_at
    if age > FOLLOW_UP_FOR:
        return None
    return now + min(max(age * PAUSE_SHARE, PAUSE_MIN), PAUSE_MAX)


def _read(post: PublishedPost, job: PublishJob, video: Video) -> Published:
    handler = load_handler(job.platform)
    upload = handler.upload_type.load(job.checkpoint or {})
    budget = RunBudget(job.platform, job.account_id)

    def follow_up(access: Access) -> Published:
        context = reading_context(job, video, access, budget)
        return handler.follow_up(context, upload, post.platform_post_id)

    try:
        return read_as(handler, job.account_id, follow_up)
    finally:
        budget.settle()


def _store(post: PublishedPost, found: Published, now: datetime) -> None:
    with transaction() as session:
        row = session.get_one(PublishedPost, post.id, with_for_update=True)
        row.platform_post_id = found.post_id or row.platform_post_id
        row.url = found.url or row.url
        if not found.follow_up:
            row.follow_up_at = None
            _add_warnings(session, row.job_id, found.warnings, now)


def _add_warnings(session: Session, job_id: str, warnings: Sequence[str], now: datetime) -> None:
    """Add the warnings that came after the post went live to its timeline."""
    job = session.get(PublishJob, job_id)
    if job is None:
        return
    query = select(TimelineEntry.error_message).where(
        TimelineEntry.job_id == job_id, TimelineEntry.name == "warning"
    )
    known = set(session.scalars(query))
    for warning in warnings:
        if warning not in known:
            timeline.warn(session, job, warning, now)
