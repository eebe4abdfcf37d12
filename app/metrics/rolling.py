"""Adding what ended to the tallies: every end once, so that no figure ever falls.

It stays a little behind, since what ends is stored a moment after the time that it is given.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta, timezone

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from app.database.inserting import insert_missing
from app.database.retrying import DEADLINE_SECONDS
from app.database.transaction import transaction
from app.metrics.counting import Span, count_end, count_span, first_end
from app.metrics.figures import Figures
from app.models import PublishJob, Tally, TallyWatermark

#: Longer than it may take to write down that a job has ended, with the database away meanwhile.
BEHIND = timedelta(seconds=1.5 * DEADLINE_SECONDS)
SLOT_SECONDS = 300
HOUR_SECONDS = 3600
#: The span that never ends: what has been counted since ever.
EVER_SECONDS = 0
EVER_START = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: How long short spans are kept: somewhat longer than the longest window that begins with them.
KEPT = {SLOT_SECONDS: timedelta(days=8), HOUR_SECONDS: timedelta(days=400)}
#: Slots of one pass: after a long time without one, the rest is left to the next.
SLOTS_AT_ONCE = 500
_MARK = 1


def is_anything_to_count(now: datetime) -> bool:
    """Tell whether something has ended that no tally has yet."""
    with transaction() as session:
        mark = session.get(TallyWatermark, _MARK)
        first = first_end(session, mark.counted_until if mark else None)
    return first is not None and first < now - BEHIND


def count_on(now: datetime) -> int:
    """Add what has ended since the last time; return how many slots had something in them."""
    slots = 0
    while slots < SLOTS_AT_ONCE and _count_slot(now):
        slots += 1
    _forget(now)
    return slots


def count_before_reopening(session: Session, job: PublishJob) -> None:
    """Add the end of a job that is about to have none any more, unless the tallies have it.

    Inside the caller's transaction. From then on nothing but a tally tells of that end.
    """
    assert job.finished_at is not None
    mark = _locked_mark(session) or _first_mark(session)
    if job.finished_at >= mark.counted_until:
        slot_start = slot_of(job.finished_at, SLOT_SECONDS)
        _add(session, slot_start, count_end(session, job.id), only_hour=False)


def counted_until(session: Session) -> datetime | None:
    """Return up to when the tallies have everything; None: they have nothing yet."""
    mark = session.get(TallyWatermark, _MARK, populate_existing=True)
    return mark.counted_until if mark else None


def slot_of(moment: datetime, seconds: int) -> datetime:
    """Return when the span of this length that holds a moment begins."""
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, timezone.utc)


def _count_slot(now: datetime) -> bool:
    """Count what ended in the first slot that has something; False when there is none."""
    until = now - BEHIND
    with transaction() as session:
        mark = _locked_mark(session)
        first = first_end(session, mark.counted_until if mark else None)
        if first is None or first >= until:
            return False
        # What nobody will ask for slot by slot is counted by the hour.
        is_old = first < now - KEPT[SLOT_SECONDS]
        seconds = HOUR_SECONDS if is_old else SLOT_SECONDS
        slot_start = slot_of(first, seconds)
        start_at = max(slot_start, mark.counted_until) if mark else slot_start
        end_at = min(slot_start + timedelta(seconds=seconds), until)
        counted = count_span(session, Span(start_at, end_at))
        _add(session, slot_start, counted, only_hour=is_old)
        if mark is None:
            session.add(TallyWatermark(id=_MARK, counted_until=end_at))
        else:
            mark.counted_until = end_at
    return True


def _locked_mark(session: Session) -> TallyWatermark | None:
    """Lock the mark: of two passes at once, the second goes on where the first stopped."""
    query = select(TallyWatermark).where(TallyWatermark.id == _MARK).with_for_update()
    return session.scalars(query.execution_options(populate_existing=True)).one_or_none()


def _first_mark(session: Session) -> TallyWatermark:
    """Make the mark before there is a tally, and lock it: two are not to begin at once."""
    first = slot_of(first_end(session, None) or EVER_START, SLOT_SECONDS)
    insert_missing(session, TallyWatermark, id=_MARK, counted_until=first)
    mark = _locked_mark(session)
    assert mark is not None
    return mark


def _add(
    session: Session, slot_start: datetime, counted: Mapping[str, Figures], *, only_hour: bool
) -> None:
    starts = {HOUR_SECONDS: slot_of(slot_start, HOUR_SECONDS), EVER_SECONDS: EVER_START}
    if not only_hour:
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


def _forget(now: datetime) -> None:
    with transaction() as session:
        for seconds, kept in KEPT.items():
            session.execute(
                delete(Tally).where(Tally.seconds == seconds, Tally.start_at < now - kept)
            )
