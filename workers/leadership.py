"""Leading: one scheduler process releases the delayed runs, the others stand by.

Who leads, what is due and when to look again are settled by one script on the server. So a run
is either still delayed or queued, never both and never neither, whatever moment the leader dies
at; one that was paused and is no longer the leader can release nothing; and an idle system costs
one command per look.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from redis import Redis
from rq.utils import utcformat

from app.ids import new_id
from app.queues import PostScheduler, Run
from app.queues.scheduler import LEADER_KEY, NEXT_KEY

#: A leader that died has lost its office after this; a standby looks within the rest of 10 s.
TERM_SECONDS = 7.0
RELEASE_BATCH = 1000

# KEYS: leader, next, then the delayed runs and the queue of each queue in turn.
# ARGV: token, term in ms, now, batch size, run key prefix, now as RQ writes it.
# Takes or extends the office, moves up to a batch of due runs of each queue, in due order, and
# sets the next due time: a client that adds an earlier run is seen here or rings the bell.
_TURN = """
local leader = redis.call('GET', KEYS[1])
if leader and leader ~= ARGV[1] then return {0, ''} end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
local earliest = nil
for i = 3, #KEYS, 2 do
  local due = redis.call('ZRANGEBYSCORE', KEYS[i], '-inf', ARGV[3], 'LIMIT', 0, ARGV[4])
  for _, id in ipairs(due) do
    local key = ARGV[5] .. id
    if redis.call('EXISTS', key) == 1 then
      redis.call('HSET', key, 'status', 'queued', 'enqueued_at', ARGV[6])
      redis.call('RPUSH', KEYS[i + 1], id)
    end
  end
  if #due > 0 then redis.call('ZREM', KEYS[i], unpack(due)) end
  local first = redis.call('ZRANGE', KEYS[i], 0, 0, 'WITHSCORES')
  if first[2] and (not earliest or tonumber(first[2]) < tonumber(earliest)) then
    earliest = first[2]
  end
end
redis.call('SET', KEYS[2], earliest or 'inf')
return {1, earliest or ''}
"""

# KEYS: leader. ARGV: token.
_RESIGN = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


@dataclass(frozen=True)
class Turn:
    """What came of a turn: whether we lead, and when the next run is due (epoch seconds)."""

    leads: bool
    next_due: float | None


class Leadership:
    """One process's claim to lead, with a token of its own."""

    def __init__(self, connection: Redis, schedulers: Sequence[PostScheduler]) -> None:
        self.token = new_id()
        self._keys = [LEADER_KEY, NEXT_KEY]
        for scheduler in schedulers:
            self._keys += [scheduler.scheduled_jobs_key, scheduler.queue.key]
        self._turn = connection.register_script(_TURN)
        self._resign = connection.register_script(_RESIGN)

    def take_turn(self, now: datetime) -> Turn:
        """Become or stay the leader for another term and release what is due, a batch at most.

        Where more is due, `next_due` is not later than `now`. Raises `RedisError`.
        """
        now_seconds, term_ms = repr(now.timestamp()), int(TERM_SECONDS * 1000)
        args: list[str | int] = [self.token, term_ms, now_seconds, RELEASE_BATCH]
        args += [Run.redis_job_namespace_prefix, utcformat(now)]
        leads, next_due = self._turn(keys=self._keys, args=args)
        return Turn(bool(leads), float(next_due) if next_due else None)

    def resign(self) -> None:
        """Let another process lead at once."""
        self._resign(keys=[LEADER_KEY], args=[self.token])
