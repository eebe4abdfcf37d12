"""What a campaign does, in which order: decided by its seed alone."""

from __future__ import annotations

import random
from dataclasses import dataclass

#: Ends something by `kill -9`; how often each comes.
KILLS = {"child": 58, "boundary": 26, "tree": 8, "scheduler": 8}
#: What else strikes, and how often for a hundred kills.
OTHERS = {"fault": 30.0, "flush": 2.0, "redis": 2.0, "deploy": 1.5, "pause": 1.5}


@dataclass(frozen=True)
class Plan:
    """One campaign. `database` is `sqlite` or `postgresql`.

    With `ends_leases`, the lease of a worker known to be dead is ended at once rather than waited
    for: the short form of the campaign has no time for that.
    """

    seed: int
    blows: tuple[str, ...]
    database: str
    open_posts: int = 200
    pause_seconds: float = 0.25
    trees: int = 2
    concurrency: int = 5
    ends_leases: bool = False
    #: Calls that are left in peace.
    spared: tuple[str, ...] = ()

    @property
    def limit_seconds(self) -> float:
        """How long the blows may take altogether."""
        return 60.0 + 5.0 * len(self.blows)


def long_plan(seed: int, kills: int, database: str) -> Plan:
    """Return a campaign of this many kills, with everything else between them."""
    chance = random.Random(seed)
    blows = chance.choices(list(KILLS), list(KILLS.values()), k=kills)
    for kind, share in OTHERS.items():
        blows += [kind] * max(1, round(kills * share / 100))
    chance.shuffle(blows)
    return Plan(seed, tuple(blows), database)


def short_plan(seed: int, database: str) -> Plan:
    """Return a campaign of one blow of nearly every kind, for every run of the tests."""
    blows = ["boundary", "fault", "boundary", "tree", "fault", "redis", "boundary", "scheduler"]
    blows += ["fault", "boundary", "flush", "boundary", "deploy", "boundary"]
    return Plan(
        seed,
        tuple(blows),
        database,
        open_posts=12,
        pause_seconds=0.3,
        trees=1,
        concurrency=3,
        ends_leases=True,
        # When its answer is missing, minutes pass before the next look: it may still act.
        spared=("instagram.publish",),
    )
