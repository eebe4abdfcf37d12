"""The faults of a campaign and their order, determined by its seed."""

from __future__ import annotations

import random
from dataclasses import dataclass

#: Faults that kill by `kill -9`, with their weights.
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
#: Other faults, and how often they come per hundred kills.
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
#: Only a database server can be restarted, or held in the middle of a write.
SERVER_ONLY = {"gate": "boundary", "postgres": "fault"}


@dataclass(frozen=True)
class Plan:
    """One campaign. `database` is `sqlite` or `postgresql`.

    `waiting` posts are kept ready for the workers. With `ends_leases`, the lease of a worker known
    to be dead is expired at once rather than waited for: the short form has no time for that.
    """

    seed: int
    injections: tuple[str, ...]
    database: str
    waiting: int = 25
    trees: int = 2
    concurrency: int = 5
    schedulers: int = 2
    webs: int = 1
    ends_leases: bool = False
    #: Calls that are left alone.
    spared: tuple[str, ...] = ()

    @property
    def limit_seconds(self) -> float:
        """The time limit for all injections, in seconds."""
        return 180.0 + 15.0 * len(self.injections)


def long_plan(seed: int, kills: int, database: str) -> Plan:
    """Return a campaign of this many kills, with the other faults between them."""
    chance = random.Random(seed)
    injections = chance.choices(list(KILLS), list(KILLS.values()), k=kills)
    for kind, share in OTHERS.items():
        injections += [kind] * max(1, round(kills * share / 100))
    chance.shuffle(injections)
    # Once, minutes without Redis: longer than any lease or any pause of its clients.
    injections.insert(len(injections) // 2, "outage")
    return Plan(seed, _possible(injections, database), database)


def short_plan(seed: int, database: str) -> Plan:
    """Return a campaign with nearly every kind of fault once, for every run of the tests."""
    injections = ["boundary", "fault", "encoder", "gate", "tree", "web", "redis", "scheduler"]
    injections += ["postgres", "parent", "flush", "encoder", "boundary", "deaf", "deploy"]
    return Plan(
        seed,
        _possible(injections, database),
        database,
        waiting=6,
        trees=1,
        concurrency=3,
        ends_leases=True,
        # When its response is missing, minutes pass before the next poll: it may still act.
        spared=("instagram.publish",),
    )


def _possible(injections: list[str], database: str) -> tuple[str, ...]:
    if database == "postgresql":
        return tuple(injections)
    return tuple(SERVER_ONLY.get(kind, kind) for kind in injections)
