"""Writing the end of a job that is live, inside the caller's transaction."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy.orm import Session

from app import timeline
from app.captions import compose
from app.limits import ledger
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
    ledger.keep_place(session, job.platform, job.id, now)
    _end(job, now)
    timeline.end(session, job, ("wait", "step", "attempt"), "done", now)
    for warning in warnings:
        timeline.warn(session, job, warning, now)
    timeline.note(session, job, "completed", now)
    outbox.tell_completed(session, job, post, warnings, now)
    return post


def _end(job: PublishJob, now: datetime) -> None:
    job.state = JobState.COMPLETED
    job.step = Step.RECORD
    job.progress = step_progress(Step.RECORD, 1.0)
    job.due_at = None
    job.is_leased = False
    job.finished_at = now
    job.error_code = job.error_category = job.error_message = job.error_hint = None
