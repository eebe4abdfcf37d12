"""Which of the scheduler processes leads: a key with an owner token, extended while it lives."""

from __future__ import annotations

from redis import Redis

from app.ids import new_id
from app.queues.scheduler import LEADER_KEY

#: A leader that died is followed by another within this.
TERM_SECONDS = 9.0

# KEYS: leader. ARGV: token, term in ms. Returns whether the token leads now.
_LEAD = """
local leader = redis.call('GET', KEYS[1])
if leader == ARGV[1] then
  return redis.call('PEXPIRE', KEYS[1], ARGV[2])
end
if leader then return 0 end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
"""

# KEYS: leader. ARGV: token.
_RESIGN = """
if redis.call('GET', KEYS[1]) == ARGV[1] then return redis.call('DEL', KEYS[1]) end
return 0
"""


class Leadership:
    """One process's claim to lead. The token also fences what the leader does on Redis."""

    def __init__(self, connection: Redis) -> None:
        self.token = new_id()
        self._lead = connection.register_script(_LEAD)
        self._resign = connection.register_script(_RESIGN)

    def hold(self) -> bool:
        """Become or stay the leader for another term; False while somebody else is."""
        return bool(self._lead(keys=[LEADER_KEY], args=[self.token, int(TERM_SECONDS * 1000)]))

    def resign(self) -> None:
        """Let another process lead at once."""
        self._resign(keys=[LEADER_KEY], args=[self.token])
