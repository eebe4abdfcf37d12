"""One campaign from its first post to the verdict."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.crash.blows import Blows
from tests.crash.leases import forgive
from tests.crash.load import Load, unfinished
from tests.crash.plan import KILLS, Plan
from tests.crash.stage import Stage
from tests.crash.verdict import Verdict, judge

#: After the last blow, and after each ending since. An Instagram post whose last call was cut off
#: is left alone for three minutes, as it may still go live; then come a lease and a sweep on a busy
#: machine.
SETTLE_SECONDS = 300.0
LOOK_SECONDS = 0.1


@dataclass(frozen=True)
class Outcome:
    """What a campaign found."""

    verdict: Verdict
    struck: Counter[str]
    reached: Counter[str]
    resume_seconds: list[float]
    #: processes ended by `kill -9`: a blow may end several
    ended: int

    @property
    def kills(self) -> int:
        """How often something was killed at work."""
        return sum(self.struck[kind] for kind in KILLS)


def run_campaign(
    plan: Plan, folder: Path, *, go_on: Callable[[Blows], bool] = lambda _: True
) -> Outcome:
    """Strike as the plan says while posts keep coming; then let all end, and judge.

    `go_on` is asked after each blow.
    """
    with Stage(folder, plan) as stage:
        load = Load(stage, plan)
        blows = Blows(stage, plan, load.rough, random.Random(plan.seed))
        load.start()
        deadline = time.monotonic() + plan.limit_seconds
        waiting = list(plan.blows)
        while waiting and time.monotonic() < deadline:
            kind = waiting.pop(0)
            missed = blows.struck[f"missed {kind}"]
            blows.strike(kind)
            if blows.struck[f"missed {kind}"] > missed:
                waiting.append(kind)  # there was nothing to hit just then
            load.check()
            for process in stage.processes:
                process.check()
            _look(blows)
            if not go_on(blows):
                break
        load.stop()
        _let_end(stage, blows)
        return Outcome(
            judge(stage, load),
            blows.struck,
            blows.reached,
            blows.resumption.seconds,
            blows.ended,
        )


def _look(blows: Blows) -> None:
    blows.resumption.look()
    forgive()
    blows.wake_paused()


def _let_end(stage: Stage, blows: Blows) -> None:
    stage.sandbox.world.faults.clear()
    blows.wake_paused(all_of_them=True)
    least, deadline = unfinished(), time.monotonic() + SETTLE_SECONDS
    while least and time.monotonic() < deadline:
        time.sleep(LOOK_SECONDS)
        _look(blows)
        left = unfinished()
        if left < least:
            least, deadline = left, time.monotonic() + SETTLE_SECONDS
