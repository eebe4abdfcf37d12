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
BUCKET_SECONDS = 300
HOUR_SECONDS = 3600
#: The length that marks a platform's all-time tally.
ALL_TIME_SECONDS = 0
ALL_TIME_START = datetime(1970, 1, 1, tzinfo=timezone.utc)
#: How long tallies are kept: somewhat longer than the longest window that starts with them.
RETENTION = {BUCKET_SECONDS: timedelta(days=8), HOUR_SECONDS: timedelta(days=400)}
#: Buckets per pass; after a long gap, later passes do the rest.
BUCKETS_PER_PASS = 500
_MARK = 1


def needs_roll_up(now: datetime) -> bool:
    """Return whether something that no tally has yet ended long enough ago to be counted."""
    with transaction() as session:
        mark = session.get(TallyWatermark, _MARK)
        first = first_end(session, mark.counted_until if mark else None)
    return first is not None and first < now - LAG


def roll_up(now: datetime) -> int:
    """Add what ended since the last pass; return how many buckets had something to count."""
    buckets = 0
    while buckets < BUCKETS_PER_PASS and _roll_up_bucket(now):
        buckets += 1
    _prune(now)
    return buckets


def count_before_retry(session: Session, job: PublishJob) -> None:
    """Count the end of a job that is about to be reopened, unless the tallies have it already.

    Runs within the caller's transaction. Afterwards only the tallies still know of that end.
    """
    assert job.finished_at is not None
    mark = _locked_mark(session) or _first_mark(session)
    if job.finished_at >= mark.counted_until:
        bucket = bucket_start(job.finished_at, BUCKET_SECONDS)
        _add(session, bucket, count_job(session, job.id), hours_only=False)


def counted_until(session: Session) -> datetime | None:
    """Return the watermark before which every end is in the tallies; None before the first pass."""
    mark = session.get(TallyWatermark, _MARK, populate_existing=True)
    return mark.counted_until if mark else None


def bucket_start(moment: datetime, seconds: int) -> datetime:
    """Return the start of the `seconds` long bucket that contains `moment`."""
    return datetime.fromtimestamp(moment.timestamp() // seconds * seconds, timezone.utc)


def _roll_up_bucket(now: datetime) -> bool:
    """Count the first bucket that has something to count; return False when there is none."""
    until = now - LAG
    with transaction() as session:
        mark = _locked_mark(session)
        first = first_end(session, mark.counted_until if mark else None)
        if first is None or first >= until:
            return False
        # No window reads buckets that old any more, so they are counted by the hour only.
        is_old = first < now - RETENTION[BUCKET_SECONDS]
        seconds = HOUR_SECONDS if is_old else BUCKET_SECONDS
        bucket = bucket_start(first, seconds)
        start_at = max(bucket, mark.counted_until) if mark else bucket
        end_at = min(bucket + timedelta(seconds=seconds), until)
        counted = count_span(session, Span(start_at, end_at))
        _add(session, bucket, counted, hours_only=is_old)
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
    first = bucket_start(first_end(session, None) or ALL_TIME_START, BUCKET_SECONDS)
    insert_missing(session, TallyWatermark, id=_MARK, counted_until=first)
    mark = _locked_mark(session)
    assert mark is not None
    return mark


def _add(
    session: Session, bucket: datetime, counted: Mapping[str, Figures], *, hours_only: bool
) -> None:
    starts = {HOUR_SECONDS: bucket_start(bucket, HOUR_SECONDS), ALL_TIME_SECONDS: ALL_TIME_START}
    if not hours_only:
        starts[BUCKET_SECONDS] = bucket
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
