"""What a campaign does, in which order: decided by its seed alone."""

from __future__ import annotations

import random
from dataclasses import dataclass

#: Ends something by `kill -9`; how often each comes.
KILLS = {
    "boundary": 48,
    "gate": 24,
    "child": 12,
    "encoder": 6,
    "parent": 4,
    "tree": 4,
    "scheduler": 4,
    "web": 4,
}
#: What else strikes, and how often for a hundred kills.
OTHERS = {
    "fault": 25.0,
    "flush": 2.0,
    "redis": 2.0,
    "stall": 1.0,
    "postgres": 5.0,
    "deploy": 2.0,
    "pause": 2.0,
    "deaf": 3.0,
}
#: Of the databases, only a server can be restarted, or be told to stop in the midst of a write.
SERVER_ONLY = {"gate": "boundary", "postgres": "fault"}


@dataclass(frozen=True)
class Plan:
    """One campaign. `database` is `sqlite` or `postgresql`.

    `waiting` posts are kept ready for the workers all the time. With `ends_leases`, the lease of
    a worker known to be dead is ended at once rather than waited for: the short form of the
    campaign has no time for that.
    """

    seed: int
    blows: tuple[str, ...]
    database: str
    waiting: int = 25
    trees: int = 2
    concurrency: int = 5
    schedulers: int = 2
    webs: int = 1
    ends_leases: bool = False
    #: Calls that are left in peace.
    spared: tuple[str, ...] = ()

    @property
    def limit_seconds(self) -> float:
        """How long the blows may take altogether."""
        return 180.0 + 15.0 * len(self.blows)


def long_plan(seed: int, kills: int, database: str) -> Plan:
    """Return a campaign of this many kills, with everything else between them."""
    chance = random.Random(seed)
    blows = chance.choices(list(KILLS), list(KILLS.values()), k=kills)
    for kind, share in OTHERS.items():
        blows += [kind] * max(1, round(kills * share / 100))
    chance.shuffle(blows)
    # Minutes without Redis, once: longer than any lease, and than any pause of its clients.
    blows.insert(len(blows) // 2, "outage")
    return Plan(seed, _possible(blows, database), database)


def short_plan(seed: int, database: str) -> Plan:
    """Return a campaign of one blow of nearly every kind, for every run of the tests."""
    blows = ["boundary", "fault", "encoder", "gate", "tree", "web", "redis", "scheduler"]
    blows += ["postgres", "parent", "flush", "encoder", "boundary", "deaf", "deploy"]
    return Plan(
        seed,
        _possible(blows, database),
        database,
        waiting=6,
        trees=1,
        concurrency=3,
        ends_leases=True,
        # When its answer is missing, minutes pass before the next look: it may still act.
        spared=("instagram.publish",),
    )


def _possible(blows: list[str], database: str) -> tuple[str, ...]:
    if database == "postgresql":
        return tuple(blows)
    return tuple(SERVER_ONLY.get(kind, kind) for kind in blows)
