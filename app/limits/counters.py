"""What calls use of the limits, counted in Redis: one step decides and counts.

A script of our own rather than a limiter library: it decides over several windows at once and
counts in all of them or in none, goes by the caller's clock, and tells an emptied Redis from one
in which nothing was used. What Redis does not know any more is read from the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from flask import current_app
from redis import Redis
from sqlalchemy.orm import Session

from app.ids import new_id
from app.limits import ledger
from app.limits.rules import limits_on, maximum_of
from app.limits.windows import pacific_day
from app.platforms import Limit

PREFIX = "publish:limit"
#: For how long a new counter is kept: for longer than the longest day.
KEPT = timedelta(hours=26)
#: A member of each counter that is never counted, nor cleared: without it Redis has forgotten.
KNOWN = "known"
FOREVER_MS = 2**52

# KEYS: a counter per window. ARGV: now, amount, a name for these uses, then for each window how
# much may be in it, since when it counts, and how long its counter is kept (all times in ms), the
# last two empty for a day: its counter begins with it, and was given its end when it was made.
# Answers {0} when counted; {1, window, used, ms} when window (from 1) has no room, with the time
# of the use that has to leave it first; {2, window} when nothing is known of it.
_TAKE = """
local amount = tonumber(ARGV[2])
local most = {}
for i, key in ipairs(KEYS) do
  local since = ARGV[2 + 3 * i]
  if since ~= '' then redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. since) end
  local used = redis.call('ZCARD', key) - 1
  if used < 0 then return {2, i} end
  local max = tonumber(ARGV[1 + 3 * i])
  if used + amount > max then
    local place = math.min(math.max(used + amount - max - 1, 0), math.max(used - 1, 0))
    local first = redis.call('ZRANGE', key, place, place, 'WITHSCORES')
    return {1, i, used, used > 0 and first[2] or ARGV[1]}
  end
  most[i] = used + amount
end
for i, key in ipairs(KEYS) do
  for n = 1, amount do redis.call('ZADD', key, ARGV[1], ARGV[3] .. '-' .. n) end
  if ARGV[3 + 3 * i] ~= '' then redis.call('PEXPIRE', key, ARGV[3 + 3 * i]) end
end
return {0, unpack(most)}
"""


@dataclass(frozen=True)
class Taken:
    """What came of a decision: counted or not.

    `used_share` is the largest share of a window that is used. Where it was refused, `limit` is
    the one without room, and `room_at` when there is some again.
    """

    is_taken: bool
    used_share: float
    limit: Limit | None = None
    room_at: datetime | None = None


class Counters:
    """The counters of one account's calls, and of those that it shares with all others."""

    def __init__(self, connection: Redis, platform: str, account_id: str) -> None:
        self._connection = connection
        self._platform = platform
        self._account_id = account_id
        self._take = connection.register_script(_TAKE)

    def take(
        self, session: Session, counts: str, amount: int, now: datetime, *, keep_share: float = 0.0
    ) -> Taken:
        """Count `amount` in every window of `counts`, or in none. Raises `RedisError`.

        `keep_share` of each window is left to others, which matter more. The session is used
        only where Redis has forgotten.
        """
        limits = limits_on(self._platform, counts)
        if not limits:
            return Taken(True, 0.0)
        name = new_id()
        while True:
            answer = self._ask(limits, amount, now, name, keep_share)
            if answer[0] != 2:
                return self._taken(limits, answer, now)
            self._recount(session, limits[answer[1] - 1], now)

    def forget(self, counts: str, now: datetime) -> None:
        """Have the counters of `counts` counted anew from the ledger. Raises `RedisError`."""
        self._connection.delete(
            *(self._key(limit, now) for limit in limits_on(self._platform, counts))
        )

    def _ask(
        self, limits: Sequence[Limit], amount: int, now: datetime, name: str, keep_share: float
    ) -> list[int]:
        args: list[str | int] = [_ms(now), amount, name]
        for limit in limits:
            maximum = maximum_of(limit)
            args.append(maximum - int(maximum * keep_share))
            if limit.window == "pacific_day":
                args += ["", ""]
            else:
                args += [_ms(ledger.since(limit, now)), _milliseconds(_window(limit))]
        keys = [self._key(limit, now) for limit in limits]
        return [int(float(part)) for part in self._take(keys=keys, args=args)]

    def _taken(self, limits: Sequence[Limit], answer: list[int], now: datetime) -> Taken:
        if answer[0] == 0:
            shares = [
                used / max(maximum_of(limit), 1)
                for limit, used in zip(limits, answer[1:], strict=True)
            ]
            return Taken(True, max(shares))
        limit = limits[answer[1] - 1]
        return Taken(False, 1.0, limit, _room_at(limit, answer[3], now))

    def _recount(self, session: Session, limit: Limit, now: datetime) -> None:
        """Put back what the ledger knows. Two that do so at once put back the same."""
        key = self._key(limit, now)
        uses = ledger.entries_of(session, limit, self._owner(limit), now)
        members: dict[str, int] = {KNOWN: FOREVER_MS}
        for use_id, used_at, amount in uses:
            members.update({f"ledger-{use_id}-{n}": _ms(used_at) for n in range(amount)})
        pipeline = self._connection.pipeline(transaction=True)
        pipeline.zadd(key, members)
        pipeline.pexpire(key, _milliseconds(KEPT))
        pipeline.execute()

    def _owner(self, limit: Limit) -> str:
        return self._account_id if limit.scope == "account" else self._platform

    def _key(self, limit: Limit, now: datetime) -> str:
        key = f"{PREFIX}:{self._platform}:{limit.counts}:{self._owner(limit)}"
        if limit.window == "pacific_day":
            return f"{key}:{pacific_day(now)[0].date().isoformat()}"
        return f"{key}:{limit.window_seconds}"


def counters_for(platform: str, account_id: str) -> Counters:
    """Return the counters of an account in the running application's Redis."""
    connection = current_app.extensions["redis"]
    assert isinstance(connection, Redis)
    return Counters(connection, platform, account_id)


def room_by_ledger(
    session: Session, limit: Limit, owner: str, now: datetime, amount: int
) -> datetime | None:
    """Return when there is room by the ledger alone, where Redis is away; None: now."""
    used = ledger.used_in(session, limit, owner, now)
    if used + amount <= maximum_of(limit):
        return None
    uses = ledger.times_of(session, limit, owner, now)
    return _room_at(limit, _ms(uses[0][0]) if uses else _ms(now), now)


def _room_at(limit: Limit, leaving_ms: int, now: datetime) -> datetime:
    if limit.window == "pacific_day":
        return pacific_day(now)[1]
    leaving = datetime.fromtimestamp(leaving_ms / 1000, timezone.utc)
    return max(leaving, now - _window(limit)) + _window(limit) + timedelta(milliseconds=1)


def _window(limit: Limit) -> timedelta:
    return timedelta(seconds=limit.window_seconds)


def _ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _milliseconds(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
