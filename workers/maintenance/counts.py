"""Reading how posts are doing: views, likes, comments and shares, into `PublishedPost`.

A young post is asked for often, an old one seldom, a very old one no more. The posts of an account
are asked for together, an account once a run, and only so many accounts: what is left is due
still, and the next run goes on with it.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import select, update
from sqlalchemy.orm import Session

from app.clock import utcnow
from app.database.transaction import transaction
from app.models import PublishedPost
from app.platforms import PLATFORMS
from workers.accounts import tokens
from workers.errors import AccountRefused, PublishError, RateLimited
from workers.handlers import load_handler
from workers.maintenance.asking import Asking
from workers.platforms.base import Handler, Upload
from workers.platforms.counting import Counts, ReadContext
from workers.publishing.budget import RunBudget
from workers.stopping import stop_requested

logger = logging.getLogger(__name__)
#: The pause grows with the age of a post, by this share of it.
PAUSE_SHARE = 0.25
PAUSE_MIN = timedelta(minutes=15)
PAUSE_MAX = timedelta(days=1)
#: From this age on a post is asked for weekly, and from the second one no more.
OLD_AGE, OLD_PAUSE = timedelta(days=60), timedelta(days=7)
LAST_AGE = timedelta(days=365)
#: Of an account that cannot be read, all posts wait so long.
REFUSED_PAUSE = timedelta(days=1)


@dataclass(frozen=True)
class Batch:
    """Posts of one account, by what the platform calls them."""

    platform: str
    account_id: str
    post_ids: Mapping[str, str]


def count_due() -> None:
    """Ask about the posts that are due for it; a run's function, safe at any time."""
    asking = Asking()
    for platform in PLATFORMS:
        _count_platform(platform, load_handler(platform), asking)


def next_count(published_at: datetime, now: datetime) -> datetime | None:
    """Return when to ask about a post again; None: never."""
    age = now - published_at
    if age > LAST_AGE:
        return None
    if age > OLD_AGE:
        return now + OLD_PAUSE
    return now + min(max(age * PAUSE_SHARE, PAUSE_MIN), PAUSE_MAX)


def _count_platform(platform: str, handler: Handler[Upload], asking: Asking) -> None:
    asked: set[str] = set()
    accounts_max = PLATFORMS[platform].counted_accounts
    while len(asked) < accounts_max and not stop_requested.is_set():
        if platform in asking.left_alone():
            return
        batch = _take(platform, asked, handler.posts_at_once, utcnow())
        if batch is None:
            return
        asked.add(batch.account_id)
        try:
            with asking.of(platform):
                found = _ask(handler, batch)
            _store(batch, found, utcnow())
        except PublishError as error:
            logger.info("posts of account %s not counted: %s", batch.account_id, error.code)
            _put_off(batch, error, utcnow())
            if isinstance(error, RateLimited) and error.everyone:
                return


def _take(platform: str, asked: Collection[str], at_once: int, now: datetime) -> Batch | None:
    """Take the due posts of the next account, put off already, so that nobody asks twice."""
    with transaction() as session:
        first = (
            select(PublishedPost.account_id)
            .where(
                PublishedPost.platform == platform,
                PublishedPost.count_at <= now,
                PublishedPost.account_id.not_in(asked),
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


def _ask(handler: Handler[Upload], batch: Batch) -> Mapping[str, Counts]:
    if not batch.post_ids:
        return {}
    access = tokens.access_for(handler, batch.account_id)
    budget = RunBudget(batch.platform, batch.account_id)
    try:
        return handler.count(ReadContext(access, utcnow, budget), list(batch.post_ids))
    except AccountRefused as error:
        tokens.tell_refused(batch.account_id, access.token, error)
        raise
    finally:
        budget.settle()


def _store(batch: Batch, found: Mapping[str, Counts], now: datetime) -> None:
    """Store what the platform said; what it does not show keeps what it showed last."""
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
    """Let the account's posts wait where asking about them would only be refused again."""
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
