"""Which row a worker claims next, inside the claim's transaction.

First polls, which need no upload slot; then uploads whose worker was lost; then the next lane
(`app.limits.lanes`). Rows that may not begin now are put off on the way, so that no claim reads
them before they are due.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Select, TextClause, bindparam, select
from sqlalchemy.orm import Session

from app.config import current_config
from app.limits import circuits, gates, pauses
from app.limits.allowance import Hold, read_allowance
from app.limits.holds import hold_lane, put_off
from app.limits.lanes import due_jobs, next_lanes, refresh_lane
from app.limits.upload_slots import UploadSlots, read_upload_slots
from app.models import Gate, Lane, PublishJob
from app.models.publish_job import AT_PLATFORM, LEASED

#: Polls put off by a closed gate are spread over this long after it opens.
POLLS_SPREAD_SECONDS = 10.0


@dataclass(frozen=True)
class Choice:
    """The row to claim, locked; or none, and whether choosing again may find one.

    `is_probe`: this row is the circuit breaker's probe.
    `put_off`: rows that were given a later due time on the way, and need a wake-up for it.
    `busy_accounts`: whose next row another transaction is changing, which wakes for it itself.
    """

    job: PublishJob | None = None
    put_off: Sequence[PublishJob] = ()
    is_final: bool = False
    is_probe: bool = False
    busy_accounts: frozenset[str] = frozenset()


NOTHING = Choice(is_final=True)


def _first_due(*conditions: ColumnElement[bool] | TextClause) -> Select[PublishJob]:
    """Lock the unlocked row, among those that match, that has been due longest."""
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


_FIRST_POLL = _first_due(AT_PLATFORM)
_FIRST_LOST = _first_due(
    LEASED,
    PublishJob.is_at_platform.is_(False),
    PublishJob.account_id.not_in(bindparam("full_accounts", expanding=True)),
)
_POLL_OF_JOB = (
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


def choose(
    session: Session, platform: str, now: datetime, *, without: Collection[str] = ()
) -> Choice:
    """Choose the row of a platform that goes first; `without`: accounts that begin no upload."""
    polled = session.scalar(
        _FIRST_POLL, {"platform": platform, "now": now}, execution_options=_FRESH
    )
    if polled is not None:
        return _poll(session, polled, now)
    if not read_upload_slots(session, platform, now).free:
        return NOTHING  # checked first without the lock, which would serialize idle claims
    # The lock serializes the claims of this platform, so the counts below stay true.
    gate = gates.lock(session, platform)
    slots = read_upload_slots(session, platform, now)
    if not slots.free:
        return NOTHING
    return _upload(session, gate, slots, now, without)


def choose_poll(session: Session, job_id: str, now: datetime) -> Choice:
    """Choose a given row for its poll, where that is due and allowed."""
    job = session.scalar(_POLL_OF_JOB, {"job_id": job_id, "now": now}, execution_options=_FRESH)
    return NOTHING if job is None else _poll(session, job, now)


def _poll(session: Session, job: PublishJob, now: datetime) -> Choice:
    known = gates.read(session, [job.platform, job.account_id])
    for gate in known.values():
        if gate.reads_closed_until is not None and gate.reads_closed_until > now:
            until = _spread(gate.reads_closed_until)
            return _put_off(session, job, Hold(until, gates.reason(gate)), now)
    platform_gate = known.get(job.platform)
    if platform_gate is None or platform_gate.probe_at is None:
        return Choice(job)
    # Checked last: a row that is put off for another reason cannot be the probe.
    return _begin_or_put_off(session, gates.lock(session, job.platform), job, now)


def _begin_or_put_off(session: Session, gate: Gate, job: PublishJob, now: datetime) -> Choice:
    """Choose a row, unless the circuit of its platform, whose gate is locked, is open."""
    until = circuits.closed_until(gate, now)
    if until is not None:
        return _put_off(session, job, Hold(_spread(until), circuits.reason(job.platform)), now)
    return Choice(job, is_probe=circuits.begin_probe(gate, job.id, now))


def _upload(
    session: Session, gate: Gate, slots: UploadSlots, now: datetime, without: Collection[str]
) -> Choice:
    lost = _first_lost(session, slots, now)
    if lost is not None:
        return _begin_or_put_off(session, gate, lost, now)
    others = [*slots.full_accounts, *without]
    lanes = next_lanes(session, slots.platform, now, without=others, aging=_aging())
    busy: frozenset[str] = frozenset()
    for lane in lanes:
        choice = _serve(session, gate, lane, now)
        busy |= choice.busy_accounts
        if choice.job is not None or choice.put_off:
            return replace(choice, busy_accounts=busy)
    return Choice(is_final=not lanes, busy_accounts=busy)


def _serve(session: Session, gate: Gate, lane: Lane, now: datetime) -> Choice:
    """Choose the first post of a lane, or put its posts off; neither if it has no unlocked one."""
    due = due_jobs(session, lane, now, 1)
    if not due:
        refresh_lane(session, lane.account_id, lane.priority, lane.platform)
        is_locked = lane.turn_at is not None and lane.turn_at <= now
        return Choice(busy_accounts=frozenset({lane.account_id} if is_locked else ()))
    job = due[0]
    if pauses.is_held(gate, job):
        return Choice(put_off=pauses.hold_paused(session, lane, now))
    allowance = read_allowance(session, lane.platform, lane.account_id, now, without_job=job.id)
    hold = allowance.hold()
    if hold is not None:
        return Choice(put_off=hold_lane(session, lane, job, hold, allowance))
    return Choice(job, is_probe=circuits.begin_probe(gate, job.id, now))


def _put_off(session: Session, job: PublishJob, hold: Hold, now: datetime) -> Choice:
    put_off(session, job, hold, now)
    if not job.is_at_platform:
        refresh_lane(session, job.account_id, job.priority, job.platform)
    return Choice(put_off=[job])


def _spread(until: datetime) -> datetime:
    return until + timedelta(seconds=random.uniform(0, POLLS_SPREAD_SECONDS))


def _first_lost(session: Session, slots: UploadSlots, now: datetime) -> PublishJob | None:
    if not slots.resumable:
        return None
    values = {"platform": slots.platform, "now": now, "full_accounts": slots.full_accounts}
    return session.scalar(_FIRST_LOST, values, execution_options=_FRESH)


def _aging() -> timedelta:
    """Return the waiting time that raises a post's priority by one; zero: never raised."""
    config = current_config()
    return timedelta(minutes=config.priority_aging_minutes)
