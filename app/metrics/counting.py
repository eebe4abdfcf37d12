"""Counts, straight from the rows, what ended within a time span; every query uses an index."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, and_, func, select
from sqlalchemy.orm import Session

from app.metrics.figures import Figures
from app.models import PublishJob, TimelineEntry
from app.models.timeline import FAILED_ATTEMPT, SENT_UPLOAD
from app.states import JobState

FETCH_ROWS = 1000


@dataclass(frozen=True)
class Span:
    """The half-open time span from `start_at` to `end_at`, which is excluded."""

    start_at: datetime
    end_at: datetime


def count_span(session: Session, span: Span) -> dict[str, Figures]:
    """Return the figures of everything that ended within the span, by platform."""
    figures: dict[str, Figures] = defaultdict(Figures)
    ended_at = PublishJob.finished_at
    _count_jobs(session, and_(ended_at >= span.start_at, ended_at < span.end_at), figures)
    _count_errors(session, span, figures)
    _count_uploads(session, span, figures)
    return dict(figures)


def count_job(session: Session, job_id: str) -> dict[str, Figures]:
    """Return the figures of one finished job, by platform, without those of its timeline."""
    figures: dict[str, Figures] = defaultdict(Figures)
    _count_jobs(session, PublishJob.id == job_id, figures)
    return dict(figures)


def first_end(session: Session, since: datetime | None) -> datetime | None:
    """Return the end of the earliest countable job, attempt or upload, at or after `since`."""
    jobs = select(func.min(PublishJob.finished_at))
    errors = select(func.min(TimelineEntry.ended_at)).where(FAILED_ATTEMPT)
    uploads = select(func.min(TimelineEntry.ended_at)).where(SENT_UPLOAD)
    if since is not None:
        jobs = jobs.where(PublishJob.finished_at >= since)
        errors = errors.where(TimelineEntry.ended_at >= since)
        uploads = uploads.where(TimelineEntry.ended_at >= since)
    found = [session.scalar(query) for query in (jobs, errors, uploads)]
    return min((moment for moment in found if moment is not None), default=None)


def _count_jobs(session: Session, which: ColumnElement[bool], figures: dict[str, Figures]) -> None:
    due_at = func.coalesce(
        PublishJob.first_due_at, PublishJob.scheduled_time, PublishJob.created_at
    )
    query = select(
        PublishJob.platform,
        PublishJob.state,
        PublishJob.attempts_made,
        due_at.label("due_at"),
        PublishJob.started_at,
        PublishJob.finished_at,
    ).where(which)
    for row in session.execute(query.execution_options(yield_per=FETCH_ROWS)):
        platform, state, attempts, due, started, finished = row
        of_platform = figures[platform]
        if state is JobState.CANCELLED:
            of_platform.cancelled += 1
            continue
        of_platform.attempts += attempts
        if started is not None:
            of_platform.lateness.add((started - due).total_seconds())
        if state is JobState.FAILED:
            of_platform.failed += 1
            continue
        of_platform.completed += 1
        of_platform.first_try += attempts == 1
        if started is not None and finished is not None:
            of_platform.live.add((finished - started).total_seconds())


def _count_errors(session: Session, span: Span, figures: dict[str, Figures]) -> None:
    query = (
        select(
            PublishJob.platform,
            TimelineEntry.error_category,
            TimelineEntry.error_code,
            func.count(),
        )
        .join(PublishJob, PublishJob.id == TimelineEntry.job_id)
        .where(FAILED_ATTEMPT, *_ended_within(span))
        .group_by(PublishJob.platform, TimelineEntry.error_category, TimelineEntry.error_code)
    )
    for platform, category, code, times in session.execute(query):
        figures[platform].count_error(str(category), str(code), times)


def _count_uploads(session: Session, span: Span, figures: dict[str, Figures]) -> None:
    """Count the bytes that workers sent, and how fast; a video fetched by link has none."""
    query = (
        select(
            PublishJob.platform,
            TimelineEntry.sent_bytes,
            TimelineEntry.started_at,
            TimelineEntry.ended_at,
        )
        .join(PublishJob, PublishJob.id == TimelineEntry.job_id)
        .where(SENT_UPLOAD, *_ended_within(span))
    )
    for platform, sent_bytes, started, ended in session.execute(query):
        assert sent_bytes is not None and ended is not None  # the query says so
        figures[platform].uploaded_bytes += sent_bytes
        seconds = (ended - started).total_seconds()
        if seconds > 0:
            figures[platform].throughput.add(sent_bytes / seconds)


def _ended_within(span: Span) -> tuple[ColumnElement[bool], ColumnElement[bool]]:
    return TimelineEntry.ended_at >= span.start_at, TimelineEntry.ended_at < span.end_at
