"""Searches all users' jobs for the operator, by short index scans and never by counting.

The text may be the id of a job, a user, a video or a platform's post, or an account's username.
Each is looked up by its own query of at most `limit` rows, and the results are merged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select, union
from sqlalchemy.orm import Session

from app.database.transaction import transaction
from app.ids import is_id
from app.models import Account, Notification, PublishedPost, PublishJob, TimelineEntry, Video
from app.models.publish_job import AMBIGUOUS
from app.platforms import PLATFORMS
from app.queries.accounts import WITHOUT_TOKENS, has_username
from app.queries.jobs import Condition, JobView, find_jobs, in_state, posts_of, timeline_of
from app.queries.pages import Page, read_page
from app.states import JobState

#: Accounts with the same username, or posts with the same id, that are looked into.
ACCOUNTS_MAX = 10
#: Up to so many open jobs are sorted in memory; for more, the newest of all jobs are scanned.
OPEN_SORTED_MAX = 5000
_OPEN_STATES = (JobState.DELAYED, JobState.WAITING, JobState.ACTIVE)
#: Notifications shown for one job.
NOTIFICATIONS_MAX = 50


@dataclass(frozen=True)
class Search:
    """What to search for; an empty text matches every job, None any state or platform."""

    text: str = ""
    state: str | None = None
    platform: str | None = None


@dataclass(frozen=True)
class JobStory:
    """Everything that the operator sees of one job; the account comes without its tokens."""

    view: JobView
    account: Account
    video: Video
    notifications: Sequence[Notification]


def search_jobs(search: Search, now: datetime, *, limit: int, cursor: str | None) -> Page[JobView]:
    """Return one page of the matching jobs, newest first."""
    with transaction() as session:
        open_ids = _sorted_open(session, search, now)
        if open_ids is not None:
            ids = [job_id for job_id in open_ids if cursor is None or job_id < cursor]
        else:
            matches = [
                _matching(conditions, search, now, limit=limit, cursor=cursor)
                for conditions in _lookups(session, search)
            ]
            found = union(*matches).subquery()
            newest = select(found.c.id).order_by(found.c.id.desc()).limit(limit + 1)
            ids = list(session.scalars(newest))
    shown = ids[:limit]
    views = {view.job.id: view for view in find_jobs(shown)}
    next_cursor = shown[-1] if len(ids) > limit else None
    return Page([views[job_id] for job_id in shown if job_id in views], next_cursor)


def list_ambiguous(*, limit: int, cursor: str | None) -> Page[PublishJob]:
    """Return one page of the jobs whose outcome a person must resolve."""
    query = select(PublishJob).where(AMBIGUOUS)
    with transaction() as session:
        return read_page(session, query, PublishJob.id, limit=limit, cursor=cursor)


def find_story(job_id: str) -> JobStory | None:
    """Return a job of any user with everything that there is to see of it; None: no such job."""
    with transaction() as session:
        job = session.get(PublishJob, job_id)
        if job is None:
            return None
        timeline: Sequence[TimelineEntry] = timeline_of(session, job_id)
        view = JobView(job, posts_of(session, [job]).get(job_id), timeline)
        account = session.get_one(Account, job.account_id, options=WITHOUT_TOKENS)
        notifications = (
            select(Notification)
            .where(Notification.subject_id == job_id)
            .order_by(Notification.id)
            .limit(NOTIFICATIONS_MAX)
        )
        video = session.get_one(Video, job.video_id)
        return JobStory(view, account, video, session.scalars(notifications).all())


def _matching(
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
        filters += in_state(JobState(search.state), now)
    return filters


def _sorted_open(session: Session, search: Search, now: datetime) -> list[str] | None:
    """Return the ids of all matching open jobs, newest first; None where they are too many.

    The newest open job may be older than a million finished ones, all of which a scan from the
    newest job down would visit first.
    """
    if search.text or search.state not in _OPEN_STATES:
        return None
    query = select(PublishJob.id).where(*_filters(search, now)).limit(OPEN_SORTED_MAX + 1)
    ids = session.scalars(query).all()
    return sorted(ids, reverse=True) if len(ids) <= OPEN_SORTED_MAX else None


def _lookups(session: Session, search: Search) -> list[list[Condition]]:
    """Return the conditions of each lookup of the text; each uses one index."""
    text = search.text
    if not text:
        return [[]]
    lookups: list[list[Condition]] = [[PublishJob.user_id == text]]
    if is_id(text):
        lookups += [[PublishJob.id == text.upper()], [PublishJob.video_id == text.upper()]]
    posts = select(PublishedPost.job_id).where(
        PublishedPost.platform.in_(PLATFORMS), PublishedPost.platform_post_id == text
    )
    job_ids = session.scalars(posts.limit(ACCOUNTS_MAX)).all()
    if job_ids:
        lookups.append([PublishJob.id.in_(job_ids)])
    lookups += [
        # With the user, by whom there is an index in the order of the page.
        [PublishJob.user_id == user_id, PublishJob.account_id == account_id]
        for account_id, user_id in _accounts_named(session, search)
    ]
    return lookups


def _accounts_named(session: Session, search: Search) -> list[tuple[str, str]]:
    query = select(Account.id, Account.user_id).where(has_username(search.text))
    if search.platform is not None:
        query = query.where(Account.platform == search.platform)
    rows = session.execute(query.order_by(Account.id.desc()).limit(ACCOUNTS_MAX))
    return [(account_id, user_id) for account_id, user_id in rows]
