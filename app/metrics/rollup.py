"""Rolls what ended up into the tallies: every end exactly once, so that no counter ever falls.

The roll-up lags behind, because an end is committed a moment after the time that it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.database.inserting import insert_missing
from app.database.retrying import DEADLINE_SECONDS
from app.database.transaction import transaction
from app.metrics.counting import Span, count_job, count_span, first_end
from app.metrics.figures import Figures
from app.models import PublishJob, Tally, TallyWatermark

#: Longer than it may take to commit the end of a job, even while the database is away.
LAG = timedelta(seconds=1.5 * DEADLINE_SECONDS)
SLOT_SECONDS = 300
HOUR_SECONDS = 3600
#: The length that marks a platform's all-time tally.
ALL_TIME_SECONDS = 0
ALL_TIME_START = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: How long tallies are kept: somewhat longer than the longest window that starts with them.
RETENTION = {SLOT_SECONDS: timedelta(days=8), HOUR_SECONDS: timedelta(days=400)}
#: Slots per pass; after a long gap, later passes do the rest.
SLOTS_PER_PASS = 500
_MARK = 1


def needs_roll_up(now: datetime) -> bool:
    """Return whether something that no tally has yet ended long enough ago to be counted."""
    with transaction() as session:
        mark = session.get(TallyWatermark, _MARK)
        first = first_end(session, mark.counted_until if mark else None)
    return first is not None and first < now - LAG


def roll_up(now: datetime) -> int:
    """Add what ended since the last pass; return how many slots had something to count."""
    slots = 0
    while slots < SLOTS_PER_PASS and _roll_up_slot(now):
        slots += 1
    _prune(now)
    return slots


def count_before_retry(session: Session, job: PublishJob) -> None:
    """Count the end of a job that is about to be reopened, unless the tallies have it already.

    Runs within the caller's transaction. Afterwards only the tallies still know of that end.
    """
    assert job.finished_at is not None
    mark = _locked_mark(session) or _first_mark(session)
    if job.finished_at >= mark.counted_until:
        slot_start = slot_of(job.finished_at, SLOT_SECONDS)
        _add(session, slot_start, count_job(session, job.id), hours_only=False)


def counted_until(session: Session) -> datetime | None:
    """Return the watermark before which every end is in the tallies; None before the first pass."""
    mark = session.get(TallyWatermark, _MARK, populate_existing=True)
    return mark.counted_until if mark else None


def slot_of(moment: datetime, seconds: int) -> datetime:
    """Return the start of the `seconds` long slot that contains `moment`."""
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, timezone.utc)


def _roll_up_slot(now: datetime) -> bool:
    """Count the first slot that has something to count; return False when there is none."""
    until = now - LAG
    with transaction() as session:
        mark = _locked_mark(session)
        first = first_end(session, mark.counted_until if mark else None)
        if first is None or first >= until:
            return False
        # No window reads slots that old any more, so they are counted by the hour only.
        is_old = first < now - RETENTION[SLOT_SECONDS]
        seconds = HOUR_SECONDS if is_old else SLOT_SECONDS
        slot_start = slot_of(first, seconds)
        start_at = max(slot_start, mark.counted_until) if mark else slot_start
        end_at = min(slot_start + timedelta(seconds=seconds), until)
        counted = count_span(session, Span(start_at, end_at))
        _add(session, slot_start, counted, hours_only=is_old)
        if mark is None:
            session.add(TallyWatermark(id=_MARK, counted_until=end_at))
        else:
            mark.counted_until = end_at
    return True


def _locked_mark(session: Session) -> TallyWatermark | None:
    """Lock the watermark: of two concurrent passes, the second continues where the first ended."""
    query = select(TallyWatermark).where(TallyWatermark.id == _MARK).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def _first_mark(session: Session) -> TallyWatermark:
    """Create the watermark ahead of the first tally, and lock it, so that only one pass starts."""
    first = slot_of(first_end(session, None) or ALL_TIME_START, SLOT_SECONDS)
    insert_missing(session, TallyWatermark, id=_MARK, counted_until=first)
    mark = _locked_mark(session)
    assert mark is not None
    return mark


def _add(
    session: Session, slot_start: datetime, counted: Mapping[str, Figures], *, hours_only: bool
) -> None:
    starts = {HOUR_SECONDS: slot_of(slot_start, HOUR_SECONDS), ALL_TIME_SECONDS: ALL_TIME_START}
    if not hours_only:
        starts[SLOT_SECONDS] = slot_start
    for platform, figures in counted.items():
        for seconds, start_at in starts.items():
            key = (seconds, start_at, platform)
            tally = session.get(Tally, key, with_for_update=True, populate_existing=True)
            if tally is None:
                session.add(
                    Tally(
                        seconds=seconds,
                        start_at=start_at,
                        platform=platform,
                        figures=figures.dump(),
                    )
                )
                continue
            total = Figures.load(tally.figures)
            total.merge(figures)
            tally.figures = total.dump()


def _prune(now: datetime) -> None:
    with transaction() as session:
        for seconds, kept in RETENTION.items():
            session.execute(
                delete(Tally).where(Tally.seconds == seconds, Tally.start_at < now - kept)
            )
