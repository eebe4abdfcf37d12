"""Reading from the rows what ended within a span: each row through an index by its end."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session, aliased

from app.metrics.figures import Figures
from app.models import Account, PublishJob, TimelineEntry, Video
from app.models.timeline import DONE_UPLOAD, FAILED_ATTEMPT
from app.states import JobState

ROWS_AT_ONCE = 1000
#: Instagram fetches the video itself for this login: there is no upload of ours.
_FETCHED = "instagram"


@dataclass(frozen=True)
class Span:
    """From `start_at` on, and before `end_at`."""

    start_at: datetime
    end_at: datetime


def count_span(session: Session, span: Span) -> dict[str, Figures]:
    """Return what ended within the span, by platform."""
    figures: dict[str, Figures] = defaultdict(Figures)
    ended_at = PublishJob.finished_at
    _count_jobs(session, and_(ended_at >= span.start_at, ended_at < span.end_at), figures)
    _count_errors(session, span, figures)
    _count_uploads(session, span, figures)
    return dict(figures)


def count_end(session: Session, job_id: str) -> dict[str, Figures]:
    """Return the end of one job, by its platform, without what its timeline tells of it."""
    figures: dict[str, Figures] = defaultdict(Figures)
    _count_jobs(session, PublishJob.id == job_id, figures)
    return dict(figures)


def first_end(session: Session, since: datetime | None) -> datetime | None:
    """Return when the first thing that is counted ended, since a time or at all."""
    jobs = select(func.min(PublishJob.finished_at))
    errors = select(func.min(TimelineEntry.ended_at)).where(FAILED_ATTEMPT)
    uploads = select(func.min(TimelineEntry.ended_at)).where(DONE_UPLOAD)
    if since is not None:
        jobs = jobs.where(PublishJob.finished_at >= since)
        errors = errors.where(TimelineEntry.ended_at >= since)
        uploads = uploads.where(TimelineEntry.ended_at >= since)
    found = [session.scalar(query) for query in (jobs, errors, uploads)]
    return min((moment for moment in found if moment is not None), default=None)


def _count_jobs(session: Session, which: ColumnElement[bool], figures: dict[str, Figures]) -> None:
    due_at = func.coalesce(PublishJob.scheduled_time, PublishJob.created_at)
    query = select(
        PublishJob.platform,
        PublishJob.state,
        PublishJob.attempts_made,
        due_at.label("due_at"),
        PublishJob.started_at,
        PublishJob.finished_at,
    ).where(which)
    for row in session.execute(query.execution_options(yield_per=ROWS_AT_ONCE)):
        platform, state, attempts, due, started, finished = row
        one = figures[platform]
        if state is JobState.CANCELLED:
            one.cancelled += 1
            continue
        one.attempts += attempts
        if started is not None:
            one.lateness.add((started - due).total_seconds())
        if state is JobState.FAILED:
            one.failed += 1
            continue
        one.completed += 1
        one.first_try += attempts == 1
        if started is not None and finished is not None:
            one.live.add((finished - started).total_seconds())


def _count_errors(session: Session, span: Span, figures: dict[str, Figures]) -> None:
    query = (
        select(
            PublishJob.platform,
            TimelineEntry.error_category,
            TimelineEntry.error_code,
            func.count(),
        )
        .join(PublishJob, PublishJob.id == TimelineEntry.job_id)
        .where(
            FAILED_ATTEMPT,
            TimelineEntry.ended_at >= span.start_at,
            TimelineEntry.ended_at < span.end_at,
        )
        .group_by(PublishJob.platform, TimelineEntry.error_category, TimelineEntry.error_code)
    )
    for platform, category, code, times in session.execute(query):
        figures[platform].count_error(str(category), str(code), times)


def _count_uploads(session: Session, span: Span, figures: dict[str, Figures]) -> None:
    for platform, size_bytes, seconds in _uploads(session, span):
        figures[platform].uploaded_bytes += size_bytes
        if seconds > 0:
            figures[platform].throughput.add(size_bytes / seconds)


def _uploads(session: Session, span: Span) -> Iterator[tuple[str, int, float]]:
    """Yield platform, bytes and seconds of uploads that were done in one go.

    Of one that was resumed, the last step holds a part of the bytes only.
    """
    earlier = aliased(TimelineEntry)
    resumed = (
        select(earlier.id)
        .where(
            earlier.job_id == TimelineEntry.job_id,
            earlier.id < TimelineEntry.id,
            earlier.kind == "step",
            earlier.name == "upload",
        )
        .exists()
    )
    query = (
        select(
            PublishJob.platform, Video.file_size, TimelineEntry.started_at, TimelineEntry.ended_at
        )
        .join(PublishJob, PublishJob.id == TimelineEntry.job_id)
        .join(Video, Video.id == PublishJob.video_id)
        .join(Account, Account.id == PublishJob.account_id)
        .where(
            DONE_UPLOAD,
            TimelineEntry.ended_at >= span.start_at,
            TimelineEntry.ended_at < span.end_at,
            Account.login_type != _FETCHED,
            ~resumed,
        )
    )
    for platform, size_bytes, started, ended in session.execute(query):
        if ended is not None:
            yield platform, size_bytes or 0, (ended - started).total_seconds()
