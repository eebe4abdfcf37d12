"""Reads jobs, with their posts and timelines."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, TextClause, select
from sqlalchemy.orm import Session

from app.database.transaction import transaction
from app.models import PublishedPost, PublishJob, TimelineEntry
from app.models.publish_job import ACTIVE, COMPLETED, OPEN, UNSUCCESSFUL, WAITING
from app.queries.pages import Page, read_page
from app.states import JobState

Condition = ColumnElement[bool] | TextClause


@dataclass(frozen=True)
class JobView:
    """A job with its post, once that is live; `timeline` only where requested."""

    job: PublishJob
    post: PublishedPost | None
    timeline: Sequence[TimelineEntry] = ()


@dataclass(frozen=True)
class JobFilter:
    """Which of a user's jobs to list; None matches all."""

    state: str | None = None
    platform: str | None = None
    batch_id: str | None = None


def find_job(user_id: str, job_id: str, *, with_timeline: bool = False) -> JobView | None:
    """Return one of a user's jobs; None where the user has no such job."""
    query = select(PublishJob).where(PublishJob.id == job_id, PublishJob.user_id == user_id)
    with transaction() as session:
        job = session.scalars(query).one_or_none()
        if job is None:
            return None
        timeline = timeline_of(session, job_id) if with_timeline else ()
        return JobView(job, posts_of(session, [job]).get(job.id), timeline)


def find_jobs(job_ids: Collection[str]) -> list[JobView]:
    """Return those of the jobs that exist, of whichever user."""
    query = select(PublishJob).where(PublishJob.id.in_(job_ids))
    with transaction() as session:
        jobs = session.scalars(query).all()
        posts = posts_of(session, jobs)
    return [JobView(job, posts.get(job.id)) for job in jobs]


def list_jobs(
    user_id: str, wanted: JobFilter, now: datetime, *, limit: int, cursor: str | None
) -> Page[JobView]:
    """Return one page of a user's jobs, newest first."""
    query = select(PublishJob).where(PublishJob.user_id == user_id, *_conditions(wanted, now))
    with transaction() as session:
        page = read_page(session, query, PublishJob.id, limit=limit, cursor=cursor)
        posts = posts_of(session, page.rows)
    views = [JobView(job, posts.get(job.id)) for job in page.rows]
    return Page(views, page.next_cursor)


def _conditions(wanted: JobFilter, now: datetime) -> list[Condition]:
    conditions: list[Condition] = []
    if wanted.platform is not None:
        conditions.append(PublishJob.platform == wanted.platform)
    if wanted.batch_id is not None:
        conditions.append(PublishJob.batch_id == wanted.batch_id)
    if wanted.state is not None:
        conditions += in_state(JobState(wanted.state), now)
    return conditions


def in_state(state: JobState, now: datetime) -> list[Condition]:
    """Return the conditions of a state, in the exact words of the partial indexes.

    The due time tells `delayed` from `waiting`, as in `shown_state`.
    """
    match state:
        case JobState.DELAYED:
            return [OPEN, WAITING, PublishJob.due_at > now]
        case JobState.WAITING:
            return [OPEN, WAITING, PublishJob.due_at <= now]
        case JobState.ACTIVE:
            return [ACTIVE]
        case JobState.COMPLETED:
            return [COMPLETED]
        case _:
            return [UNSUCCESSFUL, PublishJob.state == state]


def timeline_of(session: Session, job_id: str) -> Sequence[TimelineEntry]:
    """Return a job's timeline, within the caller's transaction."""
    query = select(TimelineEntry).where(TimelineEntry.job_id == job_id)
    return session.scalars(query.order_by(TimelineEntry.id)).all()


def posts_of(session: Session, jobs: Sequence[PublishJob]) -> dict[str, PublishedPost]:
    """Return the posts of those jobs that are live, by job id, within the caller's transaction."""
    live = [job.id for job in jobs if job.state is JobState.COMPLETED]
    if not live:
        return {}
    query = select(PublishedPost).where(PublishedPost.job_id.in_(live))
    return {post.job_id: post for post in session.scalars(query)}
