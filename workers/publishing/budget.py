"""A run's usage of the platform limits: counted before each call, recorded when the run ends."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from enum import Enum

from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.causes import why
from app.clock import to_words, utcnow
from app.database.transaction import transaction
from app.limits import ledger
from app.limits.counters import Taken, counters_for, room_by_ledger
from app.limits.rules import code_of, configured_maximum, describe, limits_on
from app.platforms import PLATFORMS, Limit
from workers.errors import NotAsked
from workers.platforms.budget import Budget

logger = logging.getLogger(__name__)
#: Counted for new posts and for posts in progress alike, so part of each window is reserved.
SHARED = frozenset({"calls"})
#: Counted for reads: without any left, polls have to wait.
READS = frozenset({"calls", "units", "status_reads"})
#: From this share of a window on, polls are spread out: the less is left, the further apart.
BUSY_SHARE = 0.8
PAUSE_MAX_SECONDS = 1800.0
#: Percent of its limit that the platform reports as used → seconds in which no further post of the
#: account is started.
SLOW_SECONDS = ((95, 900), (90, 300), (80, 60))
#: (platform, account, what is counted) of counters that may be stale: Redis was away, and this
#: process counted in the ledger meanwhile.
_stale: set[tuple[str, str, str]] = set()


class Purpose(Enum):
    """What a call is for. The value is the share of each shared window that it leaves to others."""

    #: open an upload, or a background read
    NEW_POST = 0.2
    #: poll an upload
    POLL = 0.1
    #: send the bytes of an upload, and publish it
    FINISH = 0.0


class RunBudget:
    """The usage of one run, or of one read of a live post. A `Budget` for new posts."""

    def __init__(self, platform: str, account_id: str) -> None:
        self._platform = platform
        self._account_id = account_id
        self._counters = counters_for(platform, account_id)
        self._spent: Counter[str] = Counter()
        self._used_share = 0.0
        #: used share of the limits on calls as the platform reports it: the account's, and the
        #: application's
        self.account_percent = 0.0
        self.application_percent = 0.0
        #: posts a day that the platform allows the account, if it has said so
        self.posts_max: int | None = None

    def for_purpose(self, purpose: Purpose) -> Budget:
        """Return the budget for calls of a purpose; its usage counts here."""
        return _PurposeBudget(self, purpose)

    def spend(self, counts: str, amount: int = 1, purpose: Purpose = Purpose.NEW_POST) -> None:
        """Count what the next call uses; raises `NotAsked` where the limit leaves no room."""
        if not limits_on(self._platform, counts):
            return
        now = utcnow()
        keep_share = purpose.value if counts in SHARED else 0.0
        taken = self._take(counts, amount, now, keep_share)
        if taken.limit is not None and not taken.is_taken:
            # The reserve withheld from new posts stays available to polls.
            blocks_reads = counts in READS and keep_share < Purpose.NEW_POST.value
            room_at = taken.room_at or now
            raise _no_room(self._platform, taken.limit, room_at, blocks_reads=blocks_reads)
        self._used_share = max(self._used_share, taken.used_share)
        self._spent[counts] += amount

    def report_usage(self, account_percent: float, application_percent: float) -> None:
        """Note the used share of the limits on calls that the platform reports, in percent."""
        self.account_percent = max(self.account_percent, account_percent)
        self.application_percent = max(self.application_percent, application_percent)

    def report_posts_max(self, maximum: int) -> None:
        """Note how many posts a day the platform allows the account."""
        self.posts_max = maximum

    def stretch(self, seconds: float) -> float:
        """Return the pause before the next poll, lengthened when little of a limit is left."""
        if self._used_share < BUSY_SHARE:
            return seconds
        left = max(1.0 - self._used_share, 0.01)
        return min(max(seconds / left, seconds), max(PAUSE_MAX_SECONDS, seconds))

    def settle(self) -> None:
        """Record the usage in the ledger, so that it survives a loss of Redis."""
        if self._spent:
            with self.settling():
                pass

    @contextmanager
    def settling(self) -> Iterator[Session]:
        """Record the usage in the block's transaction; if that fails, it remains to be recorded."""
        with transaction() as session:
            if self._spent:
                ledger.record(session, self._platform, self._account_id, self._spent, utcnow())
            yield session
        self._spent.clear()

    def _take(self, counts: str, amount: int, now: datetime, keep_share: float) -> Taken:
        counter = (self._platform, self._account_id, counts)
        try:
            if counter in _stale:
                self.settle()
                self._counters.forget(counts, now)
                _stale.discard(counter)
            with transaction() as session:
                return self._counters.take(session, counts, amount, now, keep_share=keep_share)
        except RedisError as exc:
            logger.warning("limits counted by the ledger: %s", why(exc))
            _stale.add(counter)
            return self._take_by_ledger(counts, amount, now)

    def _take_by_ledger(self, counts: str, amount: int, now: datetime) -> Taken:
        for limit in limits_on(self._platform, counts):
            owner = self._account_id if limit.scope == "account" else self._platform
            with transaction() as session:
                more = amount + self._spent[counts]
                room_at = room_by_ledger(session, limit, owner, now, more)
            if room_at is not None:
                return Taken(False, 1.0, limit, room_at)
        return Taken(True, 0.0)


class _PurposeBudget:
    """A run's budget for calls of one purpose."""

    def __init__(self, run: RunBudget, purpose: Purpose) -> None:
        self._run = run
        self._purpose = purpose
        self.report_usage = run.report_usage
        self.report_posts_max = run.report_posts_max

    def spend(self, counts: str, amount: int = 1) -> None:
        self._run.spend(counts, amount, self._purpose)


def slow_down_seconds(percent: float) -> int:
    """Return how long to start no post, given the usage that the platform reports; 0: no pause."""
    return next((seconds for share, seconds in SLOW_SECONDS if percent >= share), 0)


def _no_room(platform: str, limit: Limit, room_at: datetime, *, blocks_reads: bool) -> NotAsked:
    name, words = PLATFORMS[platform].name, describe(limit, configured_maximum(limit))
    return NotAsked(
        code_of(limit),
        f"{name} accepts {words}; there is room again at {to_words(room_at)}",
        retry_at=room_at + timedelta(milliseconds=1),
        application_wide=limit.scope != "account",
        blocks_reads=blocks_reads,
        hint="Nothing needs to be done: the post goes on by itself, without using an attempt",
    )
