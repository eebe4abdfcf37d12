"""Which row a worker takes next. Inside the claim's transaction.

First what the platform already has, which is only asked about and takes no upload's place; then
uploads whose worker was lost; then the next lane (`app.limits.lanes`). What may not go now is put
off on the way, so that it is not met again before its time.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, TextClause, bindparam, select
from sqlalchemy.orm import Session

from app.config import current_config
from app.limits import circuits, gates, pauses
from app.limits.allowing import Hold, read_allowance
from app.limits.holds import hold_lane, put_off
from app.limits.lanes import due_jobs, next_lanes, refresh_lane
from app.limits.places import Places, read_places
from app.models import Gate, Lane, PublishJob
from app.models.publish_job import AT_PLATFORM, LEASED

#: Questions that a closed gate puts off come back within so much of its opening.
READS_SPREAD_SECONDS = 10.0


@dataclass(frozen=True)
class Choice:
    """The row to take, locked; or none, and whether another look may find one.

    `is_probe`: by this row it is found out whether its platform answers again.
    `put_off` are rows that got a later due time on the way: they want a wake-up for it.
    """

    job: PublishJob | None = None
    put_off: Sequence[PublishJob] = ()
    is_final: bool = False
    is_probe: bool = False


NOTHING = Choice(is_final=True)


def _first_due(*conditions: ColumnElement[bool] | TextClause) -> Select[PublishJob]:
    """Lock the longest due row of a kind that nobody else is about to take."""
    return (
        select(PublishJob)
        .where(
            PublishJob.platform == bindparam("platform"),
            *conditions,
            PublishJob.due_at <= bindparam("now"),
        )
        .order_by(PublishJob.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )


_FIRST_TO_ASK = _first_due(AT_PLATFORM)
_FIRST_LOST = _first_due(
    LEASED,
    PublishJob.is_at_platform.is_(False),
    PublishJob.account_id.not_in(bindparam("without", expanding=True)),
)
_POLLED = (
    select(PublishJob)
    .where(
        PublishJob.id == bindparam("job_id"),
        AT_PLATFORM,
        PublishJob.is_leased.is_(False),
        PublishJob.due_at <= bindparam("now"),
    )
    .with_for_update(skip_locked=True)
)
_FRESH = {"populate_existing": True}


def choose(session: Session, platform: str, now: datetime) -> Choice:
    """Return the row of a platform that goes first."""
    asked = session.scalar(
        _FIRST_TO_ASK, {"platform": platform, "now": now}, execution_options=_FRESH
    )
    if asked is not None:
        return _ask(session, asked, now)
    if not read_places(session, platform, now).free_uploads:
        return NOTHING  # found out without a lock: it shall hold nobody up
    # From here on one claim of this platform at a time: what is counted now stays true.
    gate = gates.lock(session, platform)
    places = read_places(session, platform, now)
    if not places.free_uploads:
        return NOTHING
    return _begin(session, gate, places, now)


def choose_polled(session: Session, job_id: str, now: datetime) -> Choice:
    """Return one row that the platform has, where the next look at it is due and allowed."""
    job = session.scalar(_POLLED, {"job_id": job_id, "now": now}, execution_options=_FRESH)
    return NOTHING if job is None else _ask(session, job, now)


def _ask(session: Session, job: PublishJob, now: datetime) -> Choice:
    closed = gates.read(session, [job.platform, job.account_id])
    for one in closed.values():
        if one.reads_closed_until is not None and one.reads_closed_until > now:
            spread = _spread(one.reads_closed_until)
            return _later(session, job, Hold(spread, gates.reason(one)), now)
    gate = closed.get(job.platform)
    if gate is None or gate.probe_at is None:
        return Choice(job)
    gate = gates.lock(session, job.platform)
    until = circuits.closed_until(gate, now)
    if until is not None:
        return _later(session, job, Hold(_spread(until), circuits.reason(job.platform)), now)
    # Last: what is put off for another reason would find nothing out.
    return Choice(job, is_probe=circuits.begin_probe(gate, job.id, now))


def _begin(session: Session, gate: Gate, places: Places, now: datetime) -> Choice:
    platform = places.platform
    lost = _first_lost(session, places, now)
    if lost is not None:
        until = circuits.closed_until(gate, now)
        if until is not None:
            return _later(session, lost, Hold(_spread(until), circuits.reason(platform)), now)
        return Choice(lost, is_probe=circuits.begin_probe(gate, lost.id, now))
    lanes = next_lanes(session, platform, now, without=places.full_accounts, aging=_aging())
    for lane in lanes:
        choice = _serve(session, gate, lane, now)
        if choice is not None:
            return choice
    return Choice(is_final=not lanes)


def _serve(session: Session, gate: Gate, lane: Lane, now: datetime) -> Choice | None:
    """Take the first post of a lane, or put its posts off; None: its turn had not come."""
    heads = due_jobs(session, lane, now, 1)
    if not heads:
        refresh_lane(session, lane.account_id, lane.priority, lane.platform)
        return None
    job = heads[0]
    if pauses.holds(gate, job):
        return Choice(put_off=pauses.hold_paused(session, lane, now))
    allowance = read_allowance(session, lane.platform, lane.account_id, now, without_job=job.id)
    hold = allowance.hold()
    if hold is not None:
        return Choice(put_off=hold_lane(session, lane, job, hold, allowance))
    return Choice(job, is_probe=circuits.begin_probe(gate, job.id, now))


def _later(session: Session, job: PublishJob, hold: Hold, now: datetime) -> Choice:
    put_off(session, job, hold, now)
    if not job.is_at_platform:
        refresh_lane(session, job.account_id, job.priority, job.platform)
    return Choice(put_off=[job])


def _spread(until: datetime) -> datetime:
    return until + timedelta(seconds=random.uniform(0, READS_SPREAD_SECONDS))


def _first_lost(session: Session, places: Places, now: datetime) -> PublishJob | None:
    if not places.lost_uploads:
        return None
    asked = {"platform": places.platform, "now": now, "without": places.full_accounts}
    return session.scalar(_FIRST_LOST, asked, execution_options=_FRESH)


def _aging() -> timedelta:
    """Return the wait for its turn that raises a post's priority by one; zero: none does."""
    config = current_config()
    return timedelta(minutes=config.priority_aging_minutes)
