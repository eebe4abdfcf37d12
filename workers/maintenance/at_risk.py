"""A look at scheduled posts a quarter of an hour ahead, so that someone can still act.

Does the platform take the token; is the video there; will a limit hold it up? What is found is
told once per job, time and reason (`publish.at_risk`), and changes nothing about the job. What
could not be found out at the moment is no risk, and looked at again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, TextClause, exists, or_, select

from app.clock import to_iso, utcnow
from app.database.transaction import transaction
from app.failures import Failure
from app.limits.forecast import forecast
from app.limits.unresponsive import unresponsive_platforms
from app.models import PublishJob
from app.models.publish_job import UNCHECKED
from app.publishing import outbox
from app.queues import wake_maintenance
from workers.errors import OutcomeUnknown, PublishError, RateLimited, Transient
from workers.maintenance.token_checks import check_token
from workers.publishing.failures import failure_of
from workers.publishing.optimize_step import plan_of, refuse_hopeless
from workers.publishing.video_step import checked_video
from workers.stopping import stop_requested
from workers.unresponsive import UnresponsivePlatforms

logger = logging.getLogger(__name__)
#: How long before its time a scheduled post is looked at.
AHEAD = timedelta(minutes=15)
#: Later than this before its time nobody can act any more, and workers have it to publish.
TOO_LATE = timedelta(minutes=1)
#: A later start than this is worth telling.
LATE = timedelta(minutes=1)
#: For how long one worker alone may be looking at a post; then another looks.
TURN = timedelta(minutes=3)
#: What says nothing about the post: the platform or the store has no answer at the moment.
CANNOT_TELL = (Transient, OutcomeUnknown, RateLimited)


@dataclass(frozen=True)
class Look:
    """What a look has found: what endangers the post, by what it lies in.

    `is_whole` is False where something could not be found out at the moment.
    """

    risks: Mapping[str, Failure]
    is_whole: bool = True


def is_any_to_check(now: datetime) -> bool:
    """Tell whether a scheduled post has come within a quarter of an hour and was not looked at."""
    with transaction() as session:
        near = exists().where(*_near(now, unresponsive_platforms(session, now)))
        return bool(session.scalar(select(near)))


def check_ahead() -> None:
    """Look at every scheduled post that is near; a run's function, safe at any time.

    A post counts as looked at when that is done: one whose worker was lost, or of which something
    could not be found out, is looked at again when the turn is over.
    """
    unresponsive = UnresponsivePlatforms()
    while not stop_requested.is_set():
        job = _take_one(utcnow(), unresponsive.to_avoid())
        if job is None:
            return
        with unresponsive.watch(job.platform):
            look = _look_at(job, utcnow())
        _settle(job, look, utcnow())


def _look_at(job: PublishJob, now: datetime) -> Look:
    """Find out what will keep a scheduled post from going out in time."""
    risks: dict[str, Failure] = {}
    is_whole = True
    for part, find_risk in _PARTS.items():
        try:
            risk = find_risk(job, now)
        except CANNOT_TELL as error:
            logger.info("%s of %s not looked at: %s", part, job.id, error.code)
            is_whole = False
            continue
        except PublishError as error:
            risk = failure_of(error)
        if risk is not None:
            risks[part] = risk
    return Look(risks, is_whole)


def _near(now: datetime, without: Collection[str]) -> list[ColumnElement[bool] | TextClause]:
    is_free = or_(PublishJob.checking_until.is_(None), PublishJob.checking_until <= now)
    others = PublishJob.platform.not_in(without)
    is_near = PublishJob.due_at.between(now + TOO_LATE, now + AHEAD)
    return [UNCHECKED, is_near, is_free, others]


def _take_one(now: datetime, without: Collection[str]) -> PublishJob | None:
    """Take the next job for a look; another worker takes the ones after it."""
    with transaction() as session:
        query = (
            select(PublishJob)
            .where(*_near(now, without))
            .order_by(PublishJob.due_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        job = session.scalars(query.execution_options(populate_existing=True)).first()
        if job is not None:
            job.checking_until = now + TURN
            session.flush()
            session.expunge(job)  # as it is now, whatever is read and undone during the look
    return job


def _settle(job: PublishJob, look: Look, now: datetime) -> None:
    """Mark a job as looked at, and store a notification for each risk its user was not told of.

    Nothing where it was moved meanwhile, or our turn has become another worker's.
    """
    new: list[str] = []
    with transaction() as session:
        row = session.get(PublishJob, job.id, with_for_update=True, populate_existing=True)
        if row is None or row.checking_until != job.checking_until:
            return
        if look.is_whole:
            row.checked_at, row.checking_until = now, None
        if row.state is job.state:
            new = [part for part in look.risks if _key(row, part) not in row.risks_told]
            row.risks_told = [*row.risks_told, *(_key(row, part) for part in new)]
        for part in new:
            outbox.tell_at_risk(session, row, look.risks[part], now)
    if new:
        wake_maintenance()


def _key(job: PublishJob, part: str) -> str:
    """Return what a risk is known by: its time too, for who moves a post believes all is well."""
    return f"{part} {job.scheduled_time}"


def _risk_of_token(job: PublishJob, now: datetime) -> None:
    check_token(job.platform, job.account_id)


def _risk_of_video(job: PublishJob, now: datetime) -> None:
    video = checked_video(job.video_id, must_be_the_same=False)
    refuse_hopeless(plan_of(job.platform, job.account_id, video))


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
    late = f"it will go out at {to_iso(expected.begins_at)} instead of {to_iso(due_at)}"
    return replace(failure, message=f"{late}: {failure.message}")


#: What is looked at, in this order: each returns the risk, or raises it.
_PARTS: Mapping[str, Callable[[PublishJob, datetime], Failure | None]] = {
    "token": _risk_of_token,
    "video": _risk_of_video,
    "limits": _risk_of_limits,
}
