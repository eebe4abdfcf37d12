"""How much of the limits on posts is used, counted from what is live.

The other limits (calls, units, uploads at once) are kept where the calls are made; of those the
API shows the rule only.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from flask import current_app
from sqlalchemy import func, select

from app.config import Config
from app.models import Account, PublishedPost
from app.platforms import PLATFORMS, Limit
from app.publishing.transaction import transaction

#: Where YouTube's day begins. https://developers.google.com/youtube/v3/getting-started#quota
PACIFIC = ZoneInfo("America/Los_Angeles")


@dataclass(frozen=True)
class LimitUse:
    """One limit and how it stands. `used` is None for what is not counted here.

    `resets_at` is when there is room again, or more room; None where nothing is used.
    """

    limit: Limit
    max: int
    used: int | None = None
    resets_at: datetime | None = None

    @property
    def left(self) -> int | None:
        """How many more fit in the window."""
        return None if self.used is None else max(self.max - self.used, 0)


def account_uses(accounts: Sequence[Account], now: datetime) -> Mapping[str, list[LimitUse]]:
    """Return how each account stands with the limits on its posts, by account id."""
    windows = [limit.window_seconds for limit in _all_limits() if _counts_posts_of_account(limit)]
    since = now - timedelta(seconds=max(windows))
    times = _times_of_posts([account.id for account in accounts], since, now)
    return {
        account.id: [
            _rolling_use(limit, times[account.id], now)
            for limit in PLATFORMS[account.platform].limits
            if _counts_posts_of_account(limit)
        ]
        for account in accounts
    }


def platform_uses(platform: str, now: datetime) -> list[LimitUse]:
    """Return a platform's limits; of those that the whole application shares, also their use."""
    return [
        (
            _day_use(platform, limit, now)
            if limit.counts == "posts" and limit.window == "pacific_day"
            else LimitUse(limit, maximum_of(limit))
        )
        for limit in PLATFORMS[platform].limits
    ]


def maximum_of(limit: Limit) -> int:
    """Return a limit's figure, as configured."""
    config: Config = current_app.config["SETTINGS"]
    return config.limits.get(limit.setting, limit.default)


def pacific_day(now: datetime) -> tuple[datetime, datetime]:
    """Return the midnights, Pacific time, that `now` lies between: 23 to 25 hours apart."""
    today = now.astimezone(PACIFIC).date()
    first = datetime.combine(today, time(), PACIFIC)
    return first, datetime.combine(today + timedelta(days=1), time(), PACIFIC)


def _all_limits() -> list[Limit]:
    return [limit for platform in PLATFORMS.values() for limit in platform.limits]


def _counts_posts_of_account(limit: Limit) -> bool:
    return (limit.counts, limit.scope, limit.window) == ("posts", "account", "rolling")


def _times_of_posts(
    account_ids: Sequence[str], since: datetime, now: datetime
) -> Mapping[str, list[datetime]]:
    """Return when the posts of each account went live, oldest first."""
    times: dict[str, list[datetime]] = defaultdict(list)
    query = select(PublishedPost.account_id, PublishedPost.published_at).where(
        PublishedPost.account_id.in_(account_ids),
        PublishedPost.published_at > since,
        PublishedPost.published_at <= now,
    )
    with transaction() as session:
        for account_id, published_at in session.execute(query.order_by(PublishedPost.published_at)):
            times[account_id].append(published_at)
    return times


def _rolling_use(limit: Limit, times: Sequence[datetime], now: datetime) -> LimitUse:
    window = timedelta(seconds=limit.window_seconds)
    inside = [moment for moment in times if moment > now - window]
    maximum = maximum_of(limit)
    if not inside:
        return LimitUse(limit, maximum, 0)
    # Over the limit (it was lowered), more than one post has to leave before another fits.
    leaving = min(max(len(inside) - maximum, 0), len(inside) - 1)
    return LimitUse(limit, maximum, len(inside), inside[leaving] + window)


def _day_use(platform: str, limit: Limit, now: datetime) -> LimitUse:
    first, last = pacific_day(now)
    query = select(func.count()).where(
        PublishedPost.platform == platform,
        PublishedPost.published_at >= first,
        PublishedPost.published_at < last,
    )
    with transaction() as session:
        used = session.scalar(query) or 0
    return LimitUse(limit, maximum_of(limit), used, last)
