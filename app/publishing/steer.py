"""Actions of a caller on a job: cancel, edit, reschedule, retry, resolve.

Each locks the row first, so that it cannot race a worker's claim.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import timeline
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.limits import lanes
from app.metrics.rollup import count_before_retry
from app.models import Account, PublishJob, Video
from app.platforms import PLATFORMS
from app.publishing.errors import WrongState
from app.publishing.leased import Proof, apply_proof
from app.publishing.missing_wakes import queue_missing_wakes
from app.publishing.record import has_upload, record_cancelled, record_completed
from app.publishing.waiters import wake_waiters
from app.queues import Wake, wake, wake_delivery, wake_transcode
from app.renditions.requesting import rebuild_failed
from app.states import FINAL_STATES, AccountState, JobState
from app.timeline_words import WaitReason

#: The content that a caller may change, by its column names.
CONTENT = ("caption", "hashtags", "privacy_level", "share_to_feed", "platform_options")
#: What a job failed of whose unknown outcome a person has settled.
NOT_LIVE = Failure("not_live", Category.PLATFORM, "It was confirmed not to be live", "Retry it")


def cancel(job_id: str, now: datetime) -> PublishJob:
    """Cancel a job; a claimed one is cancelled at its worker's next safe point.

    Raises `WrongState` when it has ended, or when the platform may already have published it.
    Idempotent.
    """
    with transaction() as session:
        job = _locked(session, job_id)
        if job.state is JobState.CANCELLED:
            return job
        if job.state in FINAL_STATES:
            shown = job.state_at(now).value
            raise WrongState(f"This post cannot be cancelled: it is already {shown}")
        if job.is_committed:
            raise WrongState(f"Too late to cancel: {_platform(job)} may have the post already")
        if job.is_leased:
            job.cancel_requested = True
            timeline.note(session, job, "cancel_requested", now)
            return job
        quota_freed = record_cancelled(session, job, now)
    wake_delivery()
    wake_waiters(job.platform, job.account_id, now, quota_freed=quota_freed)
    return job


def edit(
    job_id: str, changes: Mapping[str, Any], now: datetime, *, judged: Mapping[str, Any]
) -> PublishJob:
    """Change a job that has not begun, or waits between two attempts.

    `changes` may hold columns of `CONTENT`, `priority`, and `scheduled_time` (None: as soon as
    possible); the caller has validated them together with the values `judged`. Raises
    `WrongState` in any other state, and where the job was changed since that validation. An
    upload that an earlier attempt opened with other content is dropped: it has published nothing,
    or the job would be committed. With the same content, the upload is resumed.
    """
    with transaction() as session:
        job = _locked(session, job_id)
        if job.state is not JobState.WAITING:
            raise WrongState(f"This post cannot be changed: it is {job.state_at(now).value}")
        if job.is_committed:
            raise WrongState(f"Too late to change: {_platform(job)} may have the post already")
        if any(getattr(job, name) != value for name, value in judged.items()):
            raise WrongState("This post was changed at the same moment: look at it and try again")
        priorities = {job.priority, changes.get("priority", job.priority)}
        _change(session, job, changes, now)
        replaced = job.wake_number
        if "scheduled_time" in changes:
            _reschedule(session, job, changes["scheduled_time"], now)
        for priority in sorted(priorities):
            lanes.refresh_lane(session, job.account_id, priority, job.platform)
    if job.wake_number != replaced:
        wake([_wake_for(job, now, replaces=replaced)])
    elif job.due_at is not None and job.due_at <= now:
        queue_missing_wakes(job.platform, now)  # a claim that met the locked row passed it by
    return job


def _change(session: Session, job: PublishJob, changes: Mapping[str, Any], now: datetime) -> None:
    """Apply what differs; a caller may name values that stay as they are."""
    columns = (*CONTENT, "priority")
    named = {name: value for name, value in changes.items() if name in columns}
    differing = {name: value for name, value in named.items() if getattr(job, name) != value}
    for name, value in differing.items():
        setattr(job, name, value)
    if any(name in CONTENT for name in differing):
        apply_proof(job, Proof.DEAD)
    if differing:
        timeline.note(session, job, "edited", now)


def _reschedule(
    session: Session, job: PublishJob, scheduled_time: datetime | None, now: datetime
) -> None:
    due_at = scheduled_time or now
    if job.started_at is None:
        job.first_due_at = due_at
    elif job.first_due_at is None:  # its start was as late as it was, whatever comes next
        job.first_due_at = job.scheduled_time or job.created_at
    job.scheduled_time = scheduled_time
    job.due_at = due_at
    job.wake_number += 1
    # The hold applied to the former time: the end of a pause or an outage must not find this job.
    job.clear_error()
    job.checked_at = None  # the former check may not hold for the new time
    job.checking_until = None
    timeline.end(session, job, ("wait",), "done", now)
    timeline.note(session, job, "rescheduled", now)
    reason: WaitReason = "queue" if scheduled_time is None else "scheduled"
    timeline.begin_wait(session, job, reason, now, until=job.due_at)


def retry(job_id: str, now: datetime) -> PublishJob:
    """Run a failed job again from its checkpoint, with fresh attempts and, if need be, transcoding.

    Raises `WrongState` in any other state, for an ambiguous job until it is resolved, and where
    the retry could only fail again.
    """
    with transaction() as session:
        job = _locked(session, job_id)
        if job.state is not JobState.FAILED:
            shown = job.state_at(now).value
            raise WrongState(f"Only a failed post can be retried; this one is {shown}")
        if job.is_ambiguous:
            raise WrongState(f"This post may be live: look on {_platform(job)} and say if it is")
        _refuse_futile_retry(session, job)
        count_before_retry(session, job)
        job.state = JobState.WAITING
        job.due_at = now
        job.step = None
        job.attempts_made = job.lost_runs = job.reopened = 0
        job.finished_at = None
        job.error_since = now  # the time that it may wait for the same cause begins again
        job.cancel_requested = False
        job.is_at_platform = job.is_committed  # what may be live is polled first, at once
        job.wake_number += 1
        timeline.note(session, job, "retried", now)
        timeline.begin_wait(session, job, "queue", now, until=now)
        lanes.refresh(session, job)
        is_transcoded_again = rebuild_failed(session, job.rendition_id, now)
    if is_transcoded_again:
        wake_transcode()
    wake([_wake_for(job, now)])
    return job


def _refuse_futile_retry(session: Session, job: PublishJob) -> None:
    """Refuse a retry that would fail again, and say what must be fixed first."""
    # Not the whole row: perhaps no key is left that decrypts its tokens.
    query = select(Account.state, Account.deleted_at).where(Account.id == job.account_id)
    state, disconnected_at = session.execute(query).one()
    if disconnected_at is not None or state is AccountState.RECONNECT_REQUIRED:
        raise WrongState("Connect the account again, then retry")
    if job.is_committed or (job.is_at_platform and has_upload(session, job)):
        return  # the platform has every byte: the video is no longer needed
    if session.scalar(select(Video.deleted_at).where(Video.id == job.video_id)) is not None:
        raise WrongState("The video was deleted: upload it again, and publish it as a new post")


def resolve(
    job_id: str,
    now: datetime,
    *,
    is_live: bool,
    platform_post_id: str | None = None,
    url: str | None = None,
) -> PublishJob:
    """Settle an ambiguous job by a person's word: completed, or free to retry.

    Also records as live what failed after the platform had all of it. That it is not live is no
    reason for another upload then, as it may still be processed: a retry polls it. Raises
    `WrongState` for any other job.
    """
    with transaction() as session:
        job = _locked(session, job_id)
        if not job.is_ambiguous and not (job.state is JobState.FAILED and job.is_committed):
            shown = job.state_at(now).value
            raise WrongState(f"There is no doubt whether this post is live: it is {shown}")
        if not job.is_ambiguous and not is_live:
            raise WrongState(f"It may still go live: retry it, which asks {_platform(job)} first")
        if is_live:
            count_before_retry(session, job)
            timeline.note(session, job, "resolved_live", now)
            record_completed(session, job, now, platform_post_id=platform_post_id, url=url)
        else:
            job.set_error(NOT_LIVE, now)
            apply_proof(job, Proof.DEAD)
            timeline.note(session, job, "resolved_not_live", now)
    wake_delivery()
    return job


def _locked(session: Session, job_id: str) -> PublishJob:
    query = select(PublishJob).where(PublishJob.id == job_id).with_for_update()
    job = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if job is None:
        raise WrongState("This post has just been deleted from the list, as it was too old")
    return job


def _platform(job: PublishJob) -> str:
    return PLATFORMS[job.platform].name


def _wake_for(job: PublishJob, now: datetime, *, replaces: int | None = None) -> Wake:
    return Wake(job.id, job.platform, job.due_at or now, job.wake_number, replaces)
