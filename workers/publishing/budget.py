"""What a run may ask of a platform: counted before each call, written down when the run ends."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from redis.exceptions import RedisError
from sqlalchemy.orm import Session

from app.clock import to_iso, utcnow
from app.database.transaction import transaction
from app.limits import ledger
from app.limits.counters import Taken, counters_for, room_by_ledger
from app.limits.rules import code_of, in_words, limits_on, maximum_of
from app.platforms import PLATFORMS, Limit
from workers.errors import RateLimited

logger = logging.getLogger(__name__)
#: What posts that are begun and posts that are under way draw on alike; of each window a share is
#: left for what matters more: to ask about posts that are under way, and to publish them.
SHARED = frozenset({"calls"})
#: What questions use: without any left, none is asked.
READS = frozenset({"calls", "units", "status_reads"})
KEEP_TO_BEGIN = 0.2
KEEP_TO_ASK = 0.1
#: From this share on, questions are spread out, the more the less is left.
BUSY_SHARE = 0.8
PAUSE_MAX_SECONDS = 1800.0
#: From this share on, by a platform's own word, no further post of the account is begun for a
#: while: the longer the less is left.
SLOW_SECONDS = ((95, 900), (90, 300), (80, 60))
#: Platform, account and what is counted, of counters that Redis may still have from before it was
#: away: they lack what this process has counted by the ledger meanwhile.
_behind: set[tuple[str, str, str]] = set()


class RunBudget:
    """The `Budget` of one run, or of one look at a post that is live."""

    def __init__(self, platform: str, account_id: str) -> None:
        self._platform = platform
        self._account_id = account_id
        self._counters = counters_for(platform, account_id)
        self._spent: Counter[str] = Counter()
        self._used_share = 0.0
        #: of each window, left to others
        self.keep_share = KEEP_TO_BEGIN
        #: what the platform said is used: of this account's calls, and of the application's
        self.account_percent = 0.0
        self.application_percent = 0.0
        #: posts a day that the platform said the account may have
        self.posts_max: int | None = None

    def spend(self, counts: str, amount: int = 1) -> None:
        """Count what the next call uses; raises `RateLimited` where there is no room for it."""
        if not limits_on(self._platform, counts):
            return
        now = utcnow()
        keep_share = self.keep_share if counts in SHARED else 0.0
        taken = self._take(counts, amount, now, keep_share)
        if taken.limit is not None and not taken.is_taken:
            # What was kept from a beginning is there for those that ask.
            stops_reads = counts in READS and keep_share < KEEP_TO_BEGIN
            room_at = taken.room_at or now
            raise _no_room(self._platform, taken.limit, room_at, stops_reads=stops_reads)
        self._used_share = max(self._used_share, taken.used_share)
        self._spent[counts] += amount

    def report_usage(self, account_percent: float, application_percent: float) -> None:
        """Take in what the platform says is used of its limits on calls, in percent."""
        self.account_percent = max(self.account_percent, account_percent)
        self.application_percent = max(self.application_percent, application_percent)

    def report_posts_max(self, maximum: int) -> None:
        """Take in how many posts a day the platform says the account may have."""
        self.posts_max = maximum

    def stretch(self, seconds: float) -> float:
        """Return a pause before the next question, longer where little is left to ask with."""
        if self._used_share < BUSY_SHARE:
            return seconds
        left = max(1.0 - self._used_share, 0.01)
        return min(max(seconds / left, seconds), max(PAUSE_MAX_SECONDS, seconds))

    def settle(self) -> None:
        """Write down what was used, so that it counts even where Redis forgets it."""
        if self._spent:
            with self.settling():
                pass

    @contextmanager
    def settling(self) -> Iterator[Session]:
        """Do so together with what else the block writes, or not at all: then it is still to do."""
        with transaction() as session:
            if self._spent:
                ledger.record(session, self._platform, self._account_id, self._spent, utcnow())
            yield session
        self._spent.clear()

    def _take(self, counts: str, amount: int, now: datetime, keep_share: float) -> Taken:
        counter = (self._platform, self._account_id, counts)
        try:
            if counter in _behind:
                self.settle()
                self._counters.forget(counts, now)
                _behind.discard(counter)
            with transaction() as session:
                return self._counters.take(session, counts, amount, now, keep_share=keep_share)
        except RedisError as exc:
            logger.warning("limits counted by the ledger: %s", type(exc).__name__)
            _behind.add(counter)
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


def slow_down_seconds(percent: float) -> int:
    """Return for how long nothing is begun when a platform says so much is used; 0: go on."""
    return next((seconds for share, seconds in SLOW_SECONDS if percent >= share), 0)


def _no_room(platform: str, limit: Limit, room_at: datetime, *, stops_reads: bool) -> RateLimited:
    name, words = PLATFORMS[platform].name, in_words(limit, maximum_of(limit))
    return RateLimited(
        code_of(limit),
        f"{name} takes {words}; there is room again at {to_iso(room_at)}",
        retry_at=room_at + timedelta(milliseconds=1),
        everyone=limit.scope != "account",
        calls=stops_reads,
        hint="Nothing needs to be done: the post goes on by itself, without using an attempt",
    )
