"""Statistics of live posts: views, likes, comments and shares, read into `PublishedPost`.

A young post is read often, an old one seldom, a very old one no more. A run reads the posts of an
account together, each account once, and only so many accounts; the rest stays due for the next run.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import exists, or_, select, update
from sqlalchemy.orm import Session

from app.clock import utcnow
from app.database.transaction import transaction
from app.limits.unresponsive import unresponsive_platforms
from app.models import PublishedPost
from app.platforms import PLATFORMS
from workers.accounts.reading import read_as
from workers.errors import AccountRefused, PublishError, RateLimited
from workers.handlers import load_handler
from workers.platforms.base import Access, Handler, Upload
from workers.platforms.counting import Counts, ReadContext
from workers.publishing.budget import RunBudget
from workers.stopping import stop_requested
from workers.unresponsive import UnresponsivePlatforms

logger = logging.getLogger(__name__)
#: The pause between two reads is this share of the post's age, within bounds.
PAUSE_SHARE = 0.25
PAUSE_MIN = timedelta(minutes=15)
PAUSE_MAX = timedelta(days=1)
#: From OLD_AGE on a post is read weekly, from LAST_AGE on no more.
OLD_AGE, OLD_PAUSE = timedelta(days=60), timedelta(days=7)
LAST_AGE = timedelta(days=365)
#: Pause of all posts of an account that refuses to be read.
REFUSED_PAUSE = timedelta(days=1)


@dataclass(frozen=True)
class Batch:
    """Posts of one account; `post_ids` maps the platform's ids to ours."""

    platform: str
    account_id: str
    post_ids: Mapping[str, str]


def count_due() -> None:
    """Read the statistics of every post that is due; a run's function, safe at any time."""
    unresponsive = UnresponsivePlatforms()
    for platform in PLATFORMS:
        _count_platform(platform, load_handler(platform), unresponsive)


def is_any_to_count(now: datetime) -> bool:
    """Tell whether a post is due whose platform responds."""
    with transaction() as session:
        avoided = unresponsive_platforms(session, now)
        due = [
            exists().where(PublishedPost.platform == platform, PublishedPost.count_at <= now)
            for platform in PLATFORMS
            if platform not in avoided
        ]
        return bool(due) and bool(session.scalar(select(or_(*due))))


def next_count(published_at: datetime, now: datetime) -> datetime | None:
    """Return when to read a post again; None: never."""
    age = now - published_at
    if age > LAST_AGE:
        return None
    if age > OLD_AGE:
        return now + OLD_PAUSE
    return now + min(max(age * PAUSE_SHARE, PAUSE_MIN), PAUSE_MAX)


def _count_platform(
    platform: str, handler: Handler[Upload], unresponsive: UnresponsivePlatforms
) -> None:
    read: set[str] = set()
    accounts_max = PLATFORMS[platform].counted_accounts
    while len(read) < accounts_max and not stop_requested.is_set():
        if platform in unresponsive.to_avoid():
            return
        batch = _take(platform, read, handler.posts_at_once, utcnow())
        if batch is None:
            return
        read.add(batch.account_id)
        try:
            with unresponsive.watch(platform):
                found = _read(handler, batch)
            _store(batch, found, utcnow())
        except PublishError as error:
            logger.info("posts of account %s not counted: %s", batch.account_id, error.code)
            _put_off(batch, error, utcnow())
            if isinstance(error, RateLimited) and error.application_wide:
                return


def _take(platform: str, without: Collection[str], at_once: int, now: datetime) -> Batch | None:
    """Claim the due posts of the next account by rescheduling them."""
    with transaction() as session:
        first = (
            select(PublishedPost.account_id)
            .where(
                PublishedPost.platform == platform,
                PublishedPost.count_at <= now,
                PublishedPost.account_id.not_in(without),
            )
            .order_by(PublishedPost.count_at)
            .limit(1)
        )
        account_id = session.scalar(first)
        if account_id is None:
            return None
        posts = _due_posts(session, account_id, at_once, now)
        for post in posts:
            post.count_at = next_count(post.published_at, now)
        named = {post.platform_post_id: post.id for post in posts if post.platform_post_id}
    return Batch(platform, account_id, named)


def _due_posts(
    session: Session, account_id: str, at_once: int, now: datetime
) -> Sequence[PublishedPost]:
    query = (
        select(PublishedPost)
        .where(PublishedPost.account_id == account_id, PublishedPost.count_at <= now)
        .order_by(PublishedPost.count_at)
        .limit(at_once)
        .with_for_update(skip_locked=True)
    )
    return session.scalars(query.execution_options(populate_existing=True)).all()


def _read(handler: Handler[Upload], batch: Batch) -> Mapping[str, Counts]:
    if not batch.post_ids:
        return {}
    budget = RunBudget(batch.platform, batch.account_id)

    def count(access: Access) -> Mapping[str, Counts]:
        return handler.count(ReadContext(access, utcnow, budget), list(batch.post_ids))

    try:
        return read_as(handler, batch.account_id, count)
    finally:
        budget.settle()


def _store(batch: Batch, found: Mapping[str, Counts], now: datetime) -> None:
    """Store the statistics; a post that the platform left out keeps its last ones."""
    with transaction() as session:
        for platform_post_id, counts in found.items():
            post_id = batch.post_ids.get(platform_post_id)
            if post_id is None:
                continue
            session.execute(
                update(PublishedPost)
                .where(PublishedPost.id == post_id)
                .values(
                    views=counts.views,
                    likes=counts.likes,
                    comments=counts.comments,
                    shares=counts.shares,
                    counted_at=now,
                )
                .execution_options(synchronize_session=False)
            )


def _put_off(batch: Batch, error: PublishError, now: datetime) -> None:
    """Postpone the account's posts if reading them would only be refused again."""
    if isinstance(error, RateLimited):
        until = error.retry_at
    elif isinstance(error, AccountRefused):
        until = now + REFUSED_PAUSE
    else:
        return
    with transaction() as session:
        session.execute(
            update(PublishedPost)
            .where(PublishedPost.account_id == batch.account_id, PublishedPost.count_at < until)
            .values(count_at=until)
            .execution_options(synchronize_session=False)
        )
