"""How a job ends as published or cancelled, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import timeline
from app.captions import compose
from app.limits import lanes, ledger
from app.models import PublishedPost, PublishJob
from app.publishing import outbox
from app.states import JobState, Step, step_progress


def record_completed(
    session: Session,
    job: PublishJob,
    now: datetime,
    *,
    platform_post_id: str | None,
    url: str | None,
    warnings: Sequence[str] = (),
    follow_up_at: datetime | None = None,
) -> PublishedPost:
    """Store the post, the completed job and its notification together.

    The post's unique job id makes a second record of the same job fail as a whole.
    """
    composed = compose(job.platform, job.caption, job.hashtags, job.platform_options)
    post = PublishedPost(
        job_id=job.id,
        user_id=job.user_id,
        account_id=job.account_id,
        video_id=job.video_id,
        platform=job.platform,
        platform_post_id=platform_post_id,
        url=url,
        caption=composed.text,
        published_at=now,
        follow_up_at=follow_up_at,
    )
    session.add(post)
    ledger.restart_quota_window(session, job.platform, job.id, now)
    job.step = Step.RECORD
    job.progress = step_progress(Step.RECORD, 1.0)
    job.clear_error()
    end_job(job, JobState.COMPLETED, now)
    timeline.end(session, job, ("wait", "step", "attempt"), "done", now)
    for warning in warnings:
        timeline.warn(session, job, warning, now)
    timeline.note(session, job, "completed", now)
    outbox.notify_completed(session, job, post, warnings, now)
    return post


def record_cancelled(session: Session, job: PublishJob, now: datetime) -> bool:
    """Store the cancelled job and its notification together.

    Return whether that has released post quota, for `waiters.wake_waiters`.
    """
    end_job(job, JobState.CANCELLED, now)
    quota_freed = ledger.release_quota(session, job.id)
    lanes.refresh(session, job)
    timeline.end(session, job, ("wait", "step", "attempt"), "cancelled", now)
    timeline.note(session, job, "cancelled", now)
    outbox.notify_cancelled(session, job, now)
    return quota_freed


def end_job(job: PublishJob, state: JobState, now: datetime) -> None:
    """Give a locked row its final state, and drop its lease."""
    job.state = state
    job.due_at = None
    job.is_leased = False
    job.finished_at = now


def has_upload(session: Session, job: PublishJob) -> bool:
    """Tell whether a locked row has a checkpoint, without decrypting it."""
    session.flush()
    query = select(PublishJob.id).where(PublishJob.id == job.id, PublishJob.checkpoint.is_not(None))
    return session.scalar(query) is not None
