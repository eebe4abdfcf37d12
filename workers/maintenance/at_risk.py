"""Checks of scheduled posts 15 minutes ahead, so that someone can still act.

Does the platform accept the token, is the video there, will a rate limit delay the post? Each risk
is notified once per job, time and reason (`publish.at_risk`) and does not change the job. A check
that gets no answer is not a risk and is repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, TextClause, exists, or_, select

from app.accounts import known_video_limit
from app.clock import to_words, utcnow
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.limits.forecast import forecast
from app.limits.unresponsive import unresponsive_platforms
from app.media.facts import Probe
from app.media.violations import too_long_for_account
from app.models import PublishJob
from app.models.publish_job import UNCHECKED
from app.publishing import outbox
from app.queues import wake_delivery
from workers.errors import NotAsked, OutcomeUnknown, PublishError, RateLimited, Transient
from workers.maintenance.token_checks import check_token
from workers.publishing.optimize_step import plan_of, refuse_hopeless
from workers.publishing.video_step import checked_video
from workers.stopping import stop_requested
from workers.unresponsive import UnresponsivePlatforms

logger = logging.getLogger(__name__)
#: How long before its time a scheduled post is checked.
AHEAD = timedelta(minutes=15)
#: The latest check before its time: later, nobody could act in time, and the post is about to
#: start.
TOO_LATE = timedelta(minutes=1)
#: The shortest delay worth a notification.
LATE = timedelta(minutes=1)
#: Lease of a check; after that another worker repeats it.
CHECK_LEASE = timedelta(minutes=3)
#: Errors that tell nothing about the post: the platform or the store gives no answer for now, or
#: may not be asked; what our own limits mean for the post is forecast.
CANNOT_TELL = (Transient, OutcomeUnknown, NotAsked)


@dataclass(frozen=True)
class Check:
    """The result of a check: the risks of a post, by the part they concern.

    `is_complete` is False if a part could not be checked for now.
    """

    risks: Mapping[str, Failure]
    is_complete: bool = True


def is_any_to_check(now: datetime) -> bool:
    """Tell whether a scheduled post within 15 minutes of its time is unchecked."""
    with transaction() as session:
        near = exists().where(*_due_for_check(now, unresponsive_platforms(session, now)))
        return bool(session.scalar(select(near)))


def check_ahead() -> None:
    """Check every scheduled post that is near its time; a run's function, safe at any time.

    A post whose worker was lost, or which could not be checked completely, is checked again once
    the lease ends.
    """
    unresponsive = UnresponsivePlatforms()
    while not stop_requested.is_set():
        job = _take_one(utcnow(), unresponsive.to_avoid())
        if job is None:
            return
        with unresponsive.watch(job.platform):
            check = _check(job, utcnow())
        _record(job, check, utcnow())


def _check(job: PublishJob, now: datetime) -> Check:
    """Find what would keep a scheduled post from going out in time."""
    risks: dict[str, Failure] = {}
    is_complete = True
    for part, find_risk in _PARTS.items():
        try:
            risk = find_risk(job, now)
        except CANNOT_TELL as error:
            logger.info("%s of %s not checked: %s", part, job.id, error.code)
            is_complete = False
            continue
        except RateLimited as error:
            risk = _risk_of_wait(job, error, now)
            is_complete = is_complete and risk is not None
        except PublishError as error:
            risk = error.as_failure()
        if risk is not None:
            risks[part] = risk
    return Check(risks, is_complete)


def _due_for_check(
    now: datetime, without: Collection[str]
) -> list[ColumnElement[bool] | TextClause]:
    is_free = or_(PublishJob.checking_until.is_(None), PublishJob.checking_until <= now)
    others = PublishJob.platform.not_in(without)
    is_near = PublishJob.due_at.between(now + TOO_LATE, now + AHEAD)
    return [UNCHECKED, is_near, is_free, others]


def _take_one(now: datetime, without: Collection[str]) -> PublishJob | None:
    """Claim the next job to check; other workers skip it."""
    with transaction() as session:
        query = (
            select(PublishJob)
            .where(*_due_for_check(now, without))
            .order_by(PublishJob.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        job = session.scalars(query.execution_options(populate_existing=True)).first()
        if job is not None:
            job.checking_until = now + CHECK_LEASE
            session.flush()
            session.expunge(job)  # a snapshot, whatever the check reads and rolls back
    return job


def _record(job: PublishJob, check: Check, now: datetime) -> None:
    """Mark a job as checked, and store a notification for each risk not yet notified.

    Does nothing if the job was moved meanwhile or the lease was lost to another worker.
    """
    new: list[str] = []
    with transaction() as session:
        row = session.get(PublishJob, job.id, with_for_update=True, populate_existing=True)
        if row is None or row.checking_until != job.checking_until:
            return
        if check.is_complete:
            row.checked_at, row.checking_until = now, None
        if row.state is job.state:
            new = [part for part in check.risks if _key(row, part) not in row.risks_told]
            row.risks_told = [*row.risks_told, *(_key(row, part) for part in new)]
        for part in new:
            outbox.notify_at_risk(session, row, check.risks[part], now)
    if new:
        wake_delivery()


def _key(job: PublishJob, part: str) -> str:
    """Return a risk's key. It holds the scheduled time: a moved post is notified again."""
    return f"{part} {job.scheduled_time}"


def _risk_of_wait(job: PublishJob, error: RateLimited, now: datetime) -> Failure | None:
    """Return the risk if a limit that the platform has just named outlasts the post's time."""
    if error.retry_at <= (job.due_at or now) + LATE:
        return None
    failure = error.as_failure()
    late = f"it will go out at {to_words(error.retry_at)} at the earliest"
    return replace(failure, message=f"{late}: {failure.message}")


def _risk_of_token(job: PublishJob, now: datetime) -> None:
    check_token(job.platform, job.account_id)


def _risk_of_video(job: PublishJob, now: datetime) -> Failure | None:
    video = checked_video(job.video_id, must_be_the_same=False)
    refuse_hopeless(plan_of(job.platform, video))
    assert video.probe is not None
    limit = known_video_limit(job.account_id, now)
    too_long = too_long_for_account(job.platform, Probe.load(video.probe), limit)
    if too_long is None:
        return None
    return Failure("duration_max", Category.VIDEO, too_long, "Have the limit raised, or cut it")


def _risk_of_limits(job: PublishJob, now: datetime) -> Failure | None:
    due_at = job.due_at or now
    expected = forecast(job.platform, job.account_id, job.priority, due_at, now)
    if expected.hold is None:
        return None
    failure = expected.hold.failure
    if expected.begins_at is None:
        return failure
    if expected.begins_at <= due_at + LATE:
        return None
    late = f"it will go out at {to_words(expected.begins_at)} instead of {to_words(due_at)}"
    return replace(failure, message=f"{late}: {failure.message}")


#: The parts in the order they are checked: each returns the risk, or raises it.
_PARTS: Mapping[str, Callable[[PublishJob, datetime], Failure | None]] = {
    "token": _risk_of_token,
    "video": _risk_of_video,
    "limits": _risk_of_limits,
}
