"""One campaign, from its first post to the audit."""

from __future__ import annotations

import random
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from tests.crash.injector import Injector
from tests.crash.leases import forgive
from tests.crash.load import Load, unfinished
from tests.crash.plan import KILLS, Plan
from tests.crash.stage import Stage
from tests.crash.verdict import Verdict, audit

#: Patience after the last injection, and after each job that ends. An Instagram post whose last
#: call was cut off is left alone for three minutes, as it may still go live; then come a lease and
#: a sweep on a busy machine.
SETTLE_SECONDS = 300.0
POLL_SECONDS = 0.1


@dataclass(frozen=True)
class Outcome:
    """The result of a campaign."""

    verdict: Verdict
    injected: Counter[str]
    reached: Counter[str]
    resume_seconds: list[float]
    #: processes ended by `kill -9`; one injection may end several
    ended: int

    @property
    def kills(self) -> int:
        """The number of kills."""
        return sum(self.injected[kind] for kind in KILLS)


def run_campaign(
    plan: Plan, folder: Path, *, go_on: Callable[[Injector], bool] = lambda _: True
) -> Outcome:
    """Inject the planned faults while posts keep coming; then let all jobs end, and audit.

    `go_on` is called after each injection.
    """
    with Stage(folder, plan) as stage:
        load = Load(stage, plan)
        injector = Injector(stage, plan, load.rough, random.Random(plan.seed))
        load.start()
        deadline = time.monotonic() + plan.limit_seconds
        waiting = list(plan.injections)
        while waiting and time.monotonic() < deadline:
            kind = waiting.pop(0)
            missed = injector.injected[f"missed {kind}"]
            injector.inject(kind)
            if injector.injected[f"missed {kind}"] > missed:
                waiting.append(kind)  # there was nothing to hit at that moment
            load.check()
            for process in stage.processes:
                process.check()
            _look(injector)
            if not go_on(injector):
                break
        load.stop()
        _let_end(stage, injector)
        return Outcome(
            audit(stage, load),
            injector.injected,
            injector.reached,
            injector.resumption.seconds,
            injector.ended,
        )


def _look(injector: Injector) -> None:
    injector.resumption.look()
    forgive()
    injector.wake_paused()


def _let_end(stage: Stage, injector: Injector) -> None:
    stage.sandbox.world.faults.clear()
    injector.wake_paused(all_of_them=True)
    least, deadline = unfinished(), time.monotonic() + SETTLE_SECONDS
    while least and time.monotonic() < deadline:
        time.sleep(POLL_SECONDS)
        _look(injector)
        left = unfinished()
        if left < least:
            least, deadline = left, time.monotonic() + SETTLE_SECONDS
