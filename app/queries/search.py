"""What the operator looks for among all users' jobs: short walks along indexes, never a count.

A text may be the id of a job, a user, a video or a platform's post, or an account's name; each is
looked for by itself, `limit` rows at most, and what is found is put together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Select, TextClause, select, union
from sqlalchemy.orm import Session, defer

from app.database.transaction import transaction
from app.ids import is_id
from app.models import Account, Notification, PublishedPost, PublishJob, TimelineEntry, Video
from app.models.publish_job import ACTIVE, COMPLETED, MAY_BE_LIVE, OPEN, UNSUCCESSFUL
from app.platforms import PLATFORMS
from app.queries.accounts import WITHOUT_TOKENS
from app.queries.jobs import JobView, find_jobs, posts_of, timeline_of
from app.queries.pages import Page, read_page
from app.states import JobState

Condition = ColumnElement[bool] | TextClause
#: Accounts of one name that are looked into.
ACCOUNTS_MAX = 10
#: Open jobs that are sorted; where there are more, the newest of all jobs are walked through.
FEW = 5000
_OPEN_STATES = (JobState.DELAYED, JobState.WAITING, JobState.ACTIVE)
#: Notifications shown of one job.
NOTIFICATIONS_MAX = 50


@dataclass(frozen=True)
class Search:
    """What to look for; an empty text stands for all jobs, None for any."""

    text: str = ""
    state: str | None = None
    platform: str | None = None


@dataclass(frozen=True)
class JobStory:
    """Everything that the operator is shown of one job; the account without its tokens."""

    view: JobView
    account: Account
    video: Video
    notifications: Sequence[Notification]


def search_jobs(search: Search, now: datetime, *, limit: int, cursor: str | None) -> Page[JobView]:
    """Return one page of what was found, newest first."""
    with transaction() as session:
        few = _few_open(session, search, now)
        if few is not None:
            ids = [job_id for job_id in few if cursor is None or job_id < cursor]
        else:
            looks = [
                _look(conditions, search, now, limit=limit, cursor=cursor)
                for conditions in _places(session, search)
            ]
            found = union(*looks).subquery()
            newest = select(found.c.id).order_by(found.c.id.desc()).limit(limit + 1)
            ids = list(session.scalars(newest))
    shown = ids[:limit]
    views = {view.job.id: view for view in find_jobs(shown)}
    next_cursor = shown[-1] if len(ids) > limit else None
    return Page([views[job_id] for job_id in shown if job_id in views], next_cursor)


def list_maybe_live(*, limit: int, cursor: str | None) -> Page[PublishJob]:
    """Return one page of the jobs of which a person has to say whether they are live."""
    query = select(PublishJob).where(MAY_BE_LIVE).options(defer(PublishJob.checkpoint))
    with transaction() as session:
        return read_page(session, query, PublishJob.id, limit=limit, cursor=cursor)


def find_story(job_id: str) -> JobStory | None:
    """Return anybody's job, with all that there is to see of it."""
    with transaction() as session:
        job = session.get(PublishJob, job_id, options=[defer(PublishJob.checkpoint)])
        if job is None:
            return None
        timeline: Sequence[TimelineEntry] = timeline_of(session, job_id)
        view = JobView(job, posts_of(session, [job]).get(job_id), timeline)
        account = session.get_one(Account, job.account_id, options=WITHOUT_TOKENS)
        told = (
            select(Notification)
            .where(Notification.subject_id == job_id)
            .order_by(Notification.id)
            .limit(NOTIFICATIONS_MAX)
        )
        video = session.get_one(Video, job.video_id)
        return JobStory(view, account, video, session.scalars(told).all())


def _look(
    where: Sequence[Condition],
    search: Search,
    now: datetime,
    *,
    limit: int,
    cursor: str | None,
) -> Select[str]:
    query = select(PublishJob.id).where(*where, *_filters(search, now))
    if cursor is not None:
        query = query.where(PublishJob.id < cursor)
    newest = query.order_by(PublishJob.id.desc()).limit(limit + 1).subquery()
    return select(newest.c.id)


def _filters(search: Search, now: datetime) -> list[Condition]:
    filters: list[Condition] = []
    if search.platform is not None:
        filters.append(PublishJob.platform == search.platform)
    if search.state is not None:
        filters += _in_state(JobState(search.state), now)
    return filters


def _few_open(session: Session, search: Search, now: datetime) -> list[str] | None:
    """Return the ids of all open jobs that are looked for, where those are few.

    The newest open job may be older than a million that have ended: then the walk from the
    newest job down would meet those first.
    """
    if search.text or search.state not in _OPEN_STATES:
        return None
    query = select(PublishJob.id).where(*_filters(search, now)).limit(FEW + 1)
    ids = session.scalars(query).all()
    return sorted(ids, reverse=True) if len(ids) <= FEW else None


def _in_state(state: JobState, now: datetime) -> list[Condition]:
    """Return the conditions of a state, in the words of the partial indexes."""
    match state:
        case JobState.DELAYED:
            return [OPEN, PublishJob.state == JobState.WAITING, PublishJob.due_at > now]
        case JobState.WAITING:
            return [OPEN, PublishJob.state == JobState.WAITING, PublishJob.due_at <= now]
        case JobState.ACTIVE:
            return [OPEN, ACTIVE]
        case JobState.COMPLETED:
            return [COMPLETED]
        case _:
            return [UNSUCCESSFUL, PublishJob.state == state]


def _places(session: Session, search: Search) -> list[list[Condition]]:
    """Return where a text is looked for: each entry finds jobs through one index."""
    text = search.text
    if not text:
        return [[]]
    places: list[list[Condition]] = [[PublishJob.user_id == text]]
    if is_id(text):
        places += [[PublishJob.id == text.upper()], [PublishJob.video_id == text.upper()]]
    posts = select(PublishedPost.job_id).where(
        PublishedPost.platform.in_(PLATFORMS), PublishedPost.platform_post_id == text
    )
    job_ids = session.scalars(posts.limit(ACCOUNTS_MAX)).all()
    if job_ids:
        places.append([PublishJob.id.in_(job_ids)])
    places += [
        # By the user, whose jobs have an index in the order of the page.
        [PublishJob.user_id == user_id, PublishJob.account_id == account_id]
        for account_id, user_id in _accounts_named(session, search)
    ]
    return places


def _accounts_named(session: Session, search: Search) -> list[tuple[str, str]]:
    name = search.text.removeprefix("@")
    query = select(Account.id, Account.user_id).where(Account.username.in_({name, name.lower()}))
    if search.platform is not None:
        query = query.where(Account.platform == search.platform)
    rows = session.execute(query.order_by(Account.id.desc()).limit(ACCOUNTS_MAX))
    return [(account_id, user_id) for account_id, user_id in rows]
