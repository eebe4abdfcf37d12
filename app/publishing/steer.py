"""What a caller may do to a job: cancel, edit, move, retry, resolve.

Each locks the row first, so that it and a worker's claim cannot both win.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from app import timeline
from app.database.transaction import transaction
from app.limits import lanes, ledger
from app.metrics.rollup import count_before_reopening
from app.models import Account, PublishJob, Video
from app.publishing import outbox
from app.publishing.errors import WrongState
from app.publishing.passing import pass_on
from app.publishing.record import record_completed
from app.queues import Wake, wake, wake_encode, wake_maintenance
from app.renditions.asking import begin_failed_anew
from app.states import FINAL_STATES, AccountState, JobState

#: What is published, and all of it that a caller may change: columns of the same names.
CONTENT = ("caption", "hashtags", "privacy_level", "share_to_feed", "platform_options")


def cancel(job_id: str, now: datetime) -> PublishJob:
    """Cancel a job; one in a worker's hands is cancelled at the worker's next safe point.

    Raises `WrongState` when it has ended, or when the platform may already have published it.
    Cancelling twice is harmless.
    """
    with transaction() as session:
        job = _locked(session, job_id)
        if job.state is JobState.CANCELLED:
            return job
        if job.state in FINAL_STATES:
            raise WrongState(f"The job is already {job.state.value}")
        if job.is_committed:
            raise WrongState("The platform may already have published it")
        if job.is_leased:
            job.cancel_requested = True
            timeline.note(session, job, "cancel_requested", now)
            return job
        has_freed = end_cancelled(session, job, now)
    wake_maintenance()
    pass_on(job.platform, job.account_id, now, has_freed=has_freed)
    return job


def end_cancelled(session: Session, job: PublishJob, now: datetime) -> bool:
    """Write a cancellation down, inside the caller's transaction.

    Return whether a place among the day's posts is free by that, which is to be passed on.
    """
    job.state = JobState.CANCELLED
    job.due_at = None
    job.is_leased = False
    job.finished_at = now
    has_freed = ledger.give_place_back(session, job.id)
    lanes.refresh(session, job)
    timeline.end(session, job, ("wait", "step", "attempt"), "cancelled", now)
    timeline.note(session, job, "cancelled", now)
    outbox.tell_cancelled(session, job, now)
    return has_freed


def edit(
    job_id: str, changes: Mapping[str, Any], now: datetime, *, judged: Mapping[str, Any]
) -> PublishJob:
    """Change a job that has not begun, or waits between two attempts.

    `changes` holds columns of `CONTENT`, checked by the caller together with the columns
    `judged`, `priority`, and `scheduled_time` (None: as soon as possible). Raises `WrongState`
    for any other state, and where another change came between the check and this one. What an
    earlier attempt opened at the platform with other content is forgotten: it has published
    nothing, or the job would be committed. With the same content, the upload goes on.
    """
    with transaction() as session:
        job = _locked(session, job_id)
        if job.state is not JobState.WAITING:
            raise WrongState(f"A job that is {job.state.value} cannot be changed")
        if job.is_committed:
            raise WrongState("The platform may already have published it")
        if any(getattr(job, name) != value for name, value in judged.items()):
            raise WrongState("The job was changed at the same moment; read it and try again")
        priorities = {job.priority, changes.get("priority", job.priority)}
        _change(session, job, changes, now)
        replaced = job.wake_number
        if "scheduled_time" in changes:
            _reschedule(session, job, changes["scheduled_time"], now)
        for priority in sorted(priorities):
            lanes.refresh_lane(session, job.account_id, priority, job.platform)
    if job.wake_number != replaced:
        wake([_wake_for(job, now, replaces=replaced)])
    return job


def _change(session: Session, job: PublishJob, changes: Mapping[str, Any], now: datetime) -> None:
    """Write down what is other than before; a caller may name again what stays as it is."""
    columns = (*CONTENT, "priority")
    named = {name: value for name, value in changes.items() if name in columns}
    differing = {name: value for name, value in named.items() if getattr(job, name) != value}
    for name, value in differing.items():
        setattr(job, name, value)
    if any(name in CONTENT for name in differing):
        job.checkpoint = None
        job.is_at_platform = False
    if differing:
        timeline.note(session, job, "edited", now)


def _reschedule(
    session: Session, job: PublishJob, scheduled_time: datetime | None, now: datetime
) -> None:
    job.scheduled_time = scheduled_time
    job.due_at = scheduled_time or now
    job.wake_number += 1
    # What held it up at the old time is over: whoever lets go what that held must not find it.
    job.error_code = job.error_category = job.error_message = job.error_hint = None
    job.checked_at = None  # what was found ahead of the former time may not hold for this one
    job.checking_until = None
    timeline.end(session, job, ("wait",), "done", now)
    timeline.note(session, job, "rescheduled", now)
    reason = "queue" if scheduled_time is None else "scheduled"
    timeline.begin(session, job, "wait", reason, now, until=job.due_at)


def retry(job_id: str, now: datetime) -> PublishJob:
    """Run a failed job again from its checkpoint, with fresh attempts, its conversion included.

    Raises `WrongState` for any other state, for an ambiguous one until it is resolved, and where
    it could only fail again: nobody is to be told of that a second time.
    """
    with transaction() as session:
        job = _locked(session, job_id)
        if job.state is not JobState.FAILED:
            raise WrongState(f"Only a failed job can be retried; this one is {job.state.value}")
        if job.error_category == "ambiguous":
            raise WrongState("It may be live: say with …/resolve whether it is, then retry")
        _refuse_hopeless(session, job)
        count_before_reopening(session, job)
        job.state = JobState.WAITING
        job.due_at = now
        job.step = None
        job.attempts_made = job.lost_runs = job.reopened = 0
        job.finished_at = None
        job.cancel_requested = False
        job.is_at_platform = job.is_committed  # what may be live is asked about, first and at once
        job.wake_number += 1
        timeline.note(session, job, "retried", now)
        timeline.begin(session, job, "wait", "queue", now, until=now)
        lanes.refresh(session, job)
        is_made_again = begin_failed_anew(session, job.rendition_id, now)
    if is_made_again:
        wake_encode()
    wake([_wake_for(job, now)])
    return job


def _refuse_hopeless(session: Session, job: PublishJob) -> None:
    """Refuse what a person has to mend first, and say how."""
    # Not the whole row: no key may be left that decrypts its tokens.
    query = select(Account.state, Account.deleted_at).where(Account.id == job.account_id)
    state, disconnected_at = session.execute(query).one()
    if disconnected_at is not None or state is AccountState.RECONNECT_REQUIRED:
        raise WrongState("Connect the account again, then retry")
    if job.is_committed or (job.is_at_platform and has_upload(session, job)):
        return  # the platform has every byte: the video is not needed any more
    if session.scalar(select(Video.deleted_at).where(Video.id == job.video_id)) is not None:
        raise WrongState("The video was deleted: publish another one instead of a retry")


def has_upload(session: Session, job: PublishJob) -> bool:
    """Tell whether the platform has given anything for a locked row; the secret is not read."""
    session.flush()
    query = select(PublishJob.id).where(PublishJob.id == job.id, PublishJob.checkpoint.is_not(None))
    return session.scalar(query) is not None


def resolve(
    job_id: str,
    now: datetime,
    *,
    is_live: bool,
    platform_post_id: str | None = None,
    url: str | None = None,
) -> PublishJob:
    """Take a person's word on an ambiguous job: completed, or free to retry.

    Raises `WrongState` for a job that is not `failed` with the category `ambiguous`.
    """
    with transaction() as session:
        job = _locked(session, job_id)
        if job.state is not JobState.FAILED or job.error_category != "ambiguous":
            raise WrongState("Only a job with an unknown outcome can be resolved")
        if is_live:
            count_before_reopening(session, job)
            timeline.note(session, job, "resolved_live", now)
            record_completed(session, job, now, platform_post_id=platform_post_id, url=url)
        else:
            job.error_category = "platform"  # one of those that trying again may cure
            job.error_hint = "It was confirmed not to be live: it can be retried"
            job.checkpoint = None
            job.committed_at = None
            timeline.note(session, job, "resolved_not_live", now)
    wake_maintenance()
    return job


def _locked(session: Session, job_id: str) -> PublishJob:
    query = select(PublishJob).where(PublishJob.id == job_id).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one()


def _wake_for(job: PublishJob, now: datetime, *, replaces: int | None = None) -> Wake:
    return Wake(job.id, job.platform, job.due_at or now, job.wake_number, replaces)
