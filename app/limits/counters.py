"""Rate limits on calls, counted in Redis; one atomic step decides and counts.

A script of its own rather than a limiter library: it decides over several windows at once and
counts in all of them or in none, goes by the caller's clock, and tells an emptied Redis from an
unused counter. What Redis has lost is restored from the ledger.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from redis import Redis
from sqlalchemy.orm import Session

from app.ids import new_id
from app.limits import ledger
from app.limits.rules import configured_maximum, limits_on
from app.limits.windows import pacific_day
from app.platforms import Limit
from app.queues import current_redis

PREFIX = "publish:limit"
#: How long a new counter is kept: longer than the longest day.
KEPT = timedelta(hours=26)
#: A member of every counter that is neither counted nor cleared: without it Redis has lost data.
SENTINEL = "known"
FOREVER_MS = 2**52

# KEYS: a counter per window. ARGV: now, amount, a name for these uses, then for each window its
# maximum, its start, and how long to keep its counter (times in ms); the last two are empty for a
# day, whose counter starts with it and got its expiry when it was created.
# Answers {0, used…} when counted; {1, window, used, ms} when a window (from 1) has no room, with
# the time of the use that must leave it first; {2, window} when its counter is lost.
_TAKE = """
local amount = tonumber(ARGV[2])
local totals = {}
for i, key in ipairs(KEYS) do
  local since = ARGV[2 + 3 * i]
  if since ~= '' then redis.call('ZREMRANGEBYSCORE', key, '-inf', '(' .. since) end
  local used = redis.call('ZCARD', key) - 1
  if used < 0 then return {2, i} end
  local max = tonumber(ARGV[1 + 3 * i])
  if used + amount > max then
    local index = math.min(math.max(used + amount - max - 1, 0), math.max(used - 1, 0))
    local first = redis.call('ZRANGE', key, index, index, 'WITHSCORES')
    return {1, i, used, used > 0 and first[2] or ARGV[1]}
  end
  totals[i] = used + amount
end
for i, key in ipairs(KEYS) do
  for n = 1, amount do redis.call('ZADD', key, ARGV[1], ARGV[3] .. '-' .. n) end
  if ARGV[3 + 3 * i] ~= '' then redis.call('PEXPIRE', key, ARGV[3 + 3 * i]) end
end
return {0, unpack(totals)}
"""


@dataclass(frozen=True)
class Taken:
    """The decision on some calls: counted or refused.

    `used_share` is the used share, 0–1, of the fullest window. Where refused, `limit` is the one
    without room, and `room_at` when there is room again.
    """

    is_taken: bool
    used_share: float
    limit: Limit | None = None
    room_at: datetime | None = None


class Counters:
    """The counters of one account, and those that it shares with all accounts of its platform."""

    def __init__(self, connection: Redis, platform: str, account_id: str) -> None:
        self._connection = connection
        self._platform = platform
        self._account_id = account_id
        self._take = connection.register_script(_TAKE)

    def take(
        self, session: Session, counts: str, amount: int, now: datetime, *, keep_share: float = 0.0
    ) -> Taken:
        """Count `amount` in every window of `counts`, or in none. Raises `RedisError`.

        `keep_share` of each window is reserved for more important calls. The session is used only
        where Redis has lost a counter.
        """
        limits = limits_on(self._platform, counts)
        if not limits:
            return Taken(True, 0.0)
        name = new_id()
        while True:
            reply = self._run_script(limits, amount, now, name, keep_share)
            if reply[0] != 2:
                return self._taken(limits, reply, now)
            self._restore(session, limits[reply[1] - 1], now)

    def forget(self, counts: str, now: datetime) -> None:
        """Drop the counters of `counts`, to be restored from the ledger. Raises `RedisError`."""
        self._connection.delete(
            *(self._key(limit, now) for limit in limits_on(self._platform, counts))
        )

    def _run_script(
        self, limits: Sequence[Limit], amount: int, now: datetime, name: str, keep_share: float
    ) -> list[int]:
        args: list[str | int] = [_epoch_ms(now), amount, name]
        for limit in limits:
            maximum = configured_maximum(limit)
            args.append(maximum - int(maximum * keep_share))
            if limit.window == "pacific_day":
                args += ["", ""]
            else:
                args += [_epoch_ms(ledger.since(limit, now)), _span_ms(_span_of(limit))]
        keys = [self._key(limit, now) for limit in limits]
        return [int(float(part)) for part in self._take(keys=keys, args=args)]

    def _taken(self, limits: Sequence[Limit], reply: list[int], now: datetime) -> Taken:
        if reply[0] == 0:
            shares = [
                used / max(configured_maximum(limit), 1)
                for limit, used in zip(limits, reply[1:], strict=True)
            ]
            return Taken(True, max(shares))
        limit = limits[reply[1] - 1]
        return Taken(False, 1.0, limit, _room_at(limit, reply[3], now))

    def _restore(self, session: Session, limit: Limit, now: datetime) -> None:
        """Restore a counter from the ledger; idempotent, so that two workers may do it at once."""
        key = self._key(limit, now)
        entries = ledger.entries_of(session, limit, self._owner(limit), now)
        members: dict[str, int] = {SENTINEL: FOREVER_MS}
        for entry_id, used_at, amount in entries:
            members.update({f"ledger-{entry_id}-{n}": _epoch_ms(used_at) for n in range(amount)})
        pipeline = self._connection.pipeline(transaction=True)
        pipeline.zadd(key, members)
        pipeline.pexpire(key, _span_ms(KEPT))
        pipeline.execute()

    def _owner(self, limit: Limit) -> str:
        return self._account_id if limit.scope == "account" else self._platform

    def _key(self, limit: Limit, now: datetime) -> str:
        key = f"{PREFIX}:{self._platform}:{limit.counts}:{self._owner(limit)}"
        if limit.window == "pacific_day":
            return f"{key}:{pacific_day(now)[0].date().isoformat()}"
        return f"{key}:{limit.window_seconds}"


def counters_for(platform: str, account_id: str) -> Counters:
    """Return the counters of an account in the current application's Redis."""
    return Counters(current_redis(), platform, account_id)


def room_by_ledger(
    session: Session, limit: Limit, owner: str, now: datetime, amount: int
) -> datetime | None:
    """Return when there is room by the ledger alone, for when Redis is down; None: now."""
    used = ledger.used_in(session, limit, owner, now)
    if used + amount <= configured_maximum(limit):
        return None
    uses = ledger.times_of(session, limit, owner, now)
    return _room_at(limit, _epoch_ms(uses[0][0]) if uses else _epoch_ms(now), now)


def _room_at(limit: Limit, leaving_ms: int, now: datetime) -> datetime:
    if limit.window == "pacific_day":
        return pacific_day(now)[1]
    leaving = datetime.fromtimestamp(leaving_ms / 1000, timezone.utc)
    return max(leaving, now - _span_of(limit)) + _span_of(limit) + timedelta(milliseconds=1)


def _span_of(limit: Limit) -> timedelta:
    return timedelta(seconds=limit.window_seconds)


def _epoch_ms(moment: datetime) -> int:
    return int(moment.timestamp() * 1000)


def _span_ms(span: timedelta) -> int:
    return int(span.total_seconds() * 1000)
