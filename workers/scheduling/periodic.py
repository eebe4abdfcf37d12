"""The periodic work of the service: one table of what the leader queues, and when.

The leader checks the table every few seconds and queues a run only of what has something to do, so
an idle service costs no run and no Redis command. Pruning alone is not in the table: the leader
does that itself (`workers.scheduler`), because it needs no platform and must not wait for a worker.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from redis import Redis

from app.queues import QUEUE_OF, RunQueue, current_redis, wake_function
from app.queues.names import (
    CHECK_AHEAD,
    CONNECT,
    COUNT_POSTS,
    DELIVER,
    FOLLOW_UP,
    RENEW,
    ROLL_UP,
    TRANSCODE,
)
from app.renditions.claims import is_any_due as is_any_to_transcode
from app.run_all import run_all
from workers.accounts.consents import is_any_to_exchange
from workers.maintenance.at_risk import is_any_to_check
from workers.maintenance.counts import is_any_to_count
from workers.maintenance.follow_ups import is_any_to_follow_up
from workers.maintenance.renewals import is_any_to_renew
from workers.maintenance.tallies import is_any_to_roll_up
from workers.scheduling.sweeper import GRACE
from workers.webhooks.delivery import is_any_to_deliver

#: Runs that may wait on a queue before no more are added: nobody executes them, and each works
#: through all there is.
WAITING_MAX = 4


@dataclass(frozen=True)
class Periodic:
    """A function that runs call, named by its dotted path, and when to queue a run of it."""

    function: str
    is_wanted: Callable[[datetime], bool]
    at_most_every: timedelta | None = None

    @property
    def queue(self) -> str:
        """The name of the queue that the function's runs go to."""
        return QUEUE_OF[self.function]

    @property
    def key(self) -> str:
        """The Redis key that exists for `at_most_every` after a run was queued."""
        return f"publish:queued:{self.function}"


PERIODIC = (
    Periodic(DELIVER, lambda now: is_any_to_deliver(now - GRACE)),
    Periodic(FOLLOW_UP, is_any_to_follow_up),
    Periodic(CHECK_AHEAD, is_any_to_check),
    Periodic(RENEW, is_any_to_renew),
    Periodic(TRANSCODE, lambda now: is_any_to_transcode(now - GRACE)),
    Periodic(ROLL_UP, is_any_to_roll_up),
    Periodic(CONNECT, is_any_to_exchange),
    Periodic(COUNT_POSTS, is_any_to_count, at_most_every=timedelta(minutes=5)),
)


def queue_periodic(now: datetime) -> None:
    """Queue a run of each entry that is wanted, unless enough runs wait on its queue.

    Redis is asked only if any is wanted. An entry that fails does not stop the others; raises the
    first `RedisError` or `SQLAlchemyError`.
    """
    run_all(*(partial(_queue_if_wanted, entry, now) for entry in PERIODIC))


def _queue_if_wanted(entry: Periodic, now: datetime) -> None:
    if not entry.is_wanted(now):
        return
    connection = current_redis()
    if RunQueue(entry.queue, connection).count < WAITING_MAX and _is_time(entry, connection):
        wake_function(entry.function)


def _is_time(entry: Periodic, connection: Redis) -> bool:
    if entry.at_most_every is None:
        return True
    return bool(connection.set(entry.key, "1", nx=True, ex=entry.at_most_every))
