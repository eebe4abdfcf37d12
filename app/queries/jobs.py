"""What the API reads of jobs."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, select
from sqlalchemy.orm import Session, defer

from app.database.transaction import transaction
from app.models import PublishedPost, PublishJob, TimelineEntry
from app.queries.pages import Page, read_page
from app.states import JobState

# An upload's secrets are for workers; reading a status need not decrypt them.
_WITHOUT_CHECKPOINT = defer(PublishJob.checkpoint)


@dataclass(frozen=True)
class JobView:
    """A job with its post, if it is live; `timeline` only where it was asked for."""

    job: PublishJob
    post: PublishedPost | None
    timeline: Sequence[TimelineEntry] = ()


@dataclass(frozen=True)
class JobFilter:
    """Which of a user's jobs to list; None for all."""

    state: str | None = None
    platform: str | None = None
    batch_id: str | None = None


def find_job(user_id: str, job_id: str, *, with_timeline: bool = False) -> JobView | None:
    """Return one of a user's jobs."""
    query = select(PublishJob).where(PublishJob.id == job_id, PublishJob.user_id == user_id)
    with transaction() as session:
        job = session.scalars(query.options(_WITHOUT_CHECKPOINT)).one_or_none()
        if job is None:
            return None
        timeline = timeline_of(session, job_id) if with_timeline else ()
        return JobView(job, posts_of(session, [job]).get(job.id), timeline)


def find_jobs(job_ids: Collection[str]) -> list[JobView]:
    """Return those of the jobs that are there, whoever's they are."""
    query = select(PublishJob).where(PublishJob.id.in_(job_ids)).options(_WITHOUT_CHECKPOINT)
    with transaction() as session:
        jobs = session.scalars(query).all()
        posts = posts_of(session, jobs)
    return [JobView(job, posts.get(job.id)) for job in jobs]


def list_jobs(
    user_id: str, wanted: JobFilter, now: datetime, *, limit: int, cursor: str | None
) -> Page[JobView]:
    """Return one page of a user's jobs."""
    query = select(PublishJob).where(PublishJob.user_id == user_id, *_conditions(wanted, now))
    query = query.options(_WITHOUT_CHECKPOINT)
    with transaction() as session:
        page = read_page(session, query, PublishJob.id, limit=limit, cursor=cursor)
        posts = posts_of(session, page.rows)
    views = [JobView(job, posts.get(job.id)) for job in page.rows]
    return Page(views, page.next_cursor)


def _conditions(wanted: JobFilter, now: datetime) -> list[ColumnElement[bool]]:
    conditions = []
    if wanted.platform is not None:
        conditions.append(PublishJob.platform == wanted.platform)
    if wanted.batch_id is not None:
        conditions.append(PublishJob.batch_id == wanted.batch_id)
    if wanted.state is not None:
        conditions += _state_conditions(JobState(wanted.state), now)
    return conditions


def _state_conditions(state: JobState, now: datetime) -> list[ColumnElement[bool]]:
    """Tell `delayed` from `waiting` by the due time, as `shown_state` does."""
    if state is JobState.DELAYED:
        return [PublishJob.state == JobState.WAITING, PublishJob.due_at > now]
    if state is JobState.WAITING:
        return [PublishJob.state == JobState.WAITING, PublishJob.due_at <= now]
    return [PublishJob.state == state]


def timeline_of(session: Session, job_id: str) -> Sequence[TimelineEntry]:
    """Return a job's timeline, in a caller's transaction."""
    query = select(TimelineEntry).where(TimelineEntry.job_id == job_id)
    return session.scalars(query.order_by(TimelineEntry.id)).all()


def posts_of(session: Session, jobs: Sequence[PublishJob]) -> dict[str, PublishedPost]:
    """Return the posts of those jobs that are live, by the job, in a caller's transaction."""
    live = [job.id for job in jobs if job.state is JobState.COMPLETED]
    if not live:
        return {}
    query = select(PublishedPost).where(PublishedPost.job_id.in_(live))
    return {post.job_id: post for post in session.scalars(query)}
