"""One campaign from its first post to the verdict."""

from __future__ import annotations

import random
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from tests.crash.blows import Blows
from tests.crash.load import Load, open_posts
from tests.crash.plan import Plan
from tests.crash.stage import Stage
from tests.crash.verdict import Verdict, judge

#: After the last blow. An Instagram post whose last call was cut off is left alone for three
#: minutes, as it may still go live; then come a lease and a sweep on a busy machine.
SETTLE_SECONDS = 300.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Outcome:
    """What a campaign found."""

    verdict: Verdict
    struck: Counter[str]
    resume_seconds: list[float]


def run_campaign(plan: Plan, folder: Path) -> Outcome:
    """Strike as the plan says while posts keep coming; then let all end, and judge."""
    with Stage(folder, plan) as stage:
        load = Load(stage, plan.seed)
        chance = random.Random(plan.seed)
        blows = Blows(stage, plan, load.rough, chance)
        deadline = time.monotonic() + plan.limit_seconds
        for kind in plan.blows:
            if time.monotonic() > deadline:
                break
            load.top_up(plan.open_posts)
            _wait(blows, plan.pause_seconds * chance.uniform(0.2, 1.8))
            blows.strike(kind)
        _let_end(stage, blows)
        return Outcome(judge(stage, load), blows.struck, blows.resumption.seconds)


def _wait(blows: Blows, seconds: float) -> None:
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        time.sleep(min(LOOK_SECONDS, max(0.0, until - time.monotonic())))
        blows.resumption.look()
        blows.wake_paused()


def _let_end(stage: Stage, blows: Blows) -> None:
    stage.sandbox.world.faults.clear()
    blows.wake_paused(all_of_them=True)
    deadline = time.monotonic() + SETTLE_SECONDS
    while open_posts() and time.monotonic() < deadline:
        _wait(blows, LOOK_SECONDS)
