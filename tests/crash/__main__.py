"""`python -m tests.crash`: kill the service's processes at work, and count the damage."""

from __future__ import annotations

import argparse
import random
import shutil
import signal
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.campaign import Outcome, run_campaign
from tests.crash.injector import Injector
from tests.crash.plan import long_plan

KILLS_DEFAULT = 500
#: A progress line is printed after this many injections: a campaign takes half an hour or more.
TOLD_EVERY = 25
#: From this many kills on, every boundary must have been reached.
KILLS_THOROUGH = 500
LISTED = 20


def main() -> int:
    """Run one campaign and print its figures; return 0 when every promise was kept."""
    wanted = _arguments()
    print(f"seed {wanted.seed}, {wanted.kills} kills, {wanted.database}", flush=True)
    began = time.monotonic()
    plan = long_plan(wanted.seed, wanted.kills, wanted.database)
    folder = Path(tempfile.mkdtemp(prefix="crash-"))
    progress = _Progress(len(plan.injections))
    outcome = run_campaign(plan, folder, go_on=progress.go_on)
    if outcome.verdict.is_good:
        shutil.rmtree(folder)
    else:
        print(f"logs and journal are kept in {folder}")
    _print(outcome, time.monotonic() - began)
    return 0 if _is_good(outcome, outcome.kills if progress.told_to_stop else wanted.kills) else 1


class _Progress:
    """Prints the progress. On the first signal the campaign stops and is audited as it is; on the
    second, it exits at once with everything that it started."""

    def __init__(self, injections: int) -> None:
        self._injections = injections
        self._began = time.monotonic()
        self._told_at = 0
        self.told_to_stop = False
        signal.signal(signal.SIGTERM, self._stop)

    def go_on(self, injector: Injector) -> bool:
        """Count one more injection; return whether to go on."""
        done = sum(
            count for kind, count in injector.injected.items() if not kind.startswith("missed")
        )
        if done >= self._told_at + TOLD_EVERY:
            self._told_at = done
            minutes = (time.monotonic() - self._began) / 60
            ended = f"{injector.ended} processes ended"
            print(
                f"{done} of {self._injections} injections, {ended}, {minutes:.0f} min", flush=True
            )
        return not self.told_to_stop

    def _stop(self, *_: object) -> None:
        if self.told_to_stop:
            sys.exit(1)
        self.told_to_stop = True


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS_DEFAULT)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    return parser.parse_args()


def _is_good(outcome: Outcome, wanted: int) -> bool:
    if outcome.kills < wanted:
        print(f"not in time: {outcome.kills} of {wanted} kills")
    missed = [name for name, times in outcome.reached.items() if not times]
    if missed:
        print(f"never reached: {', '.join(missed)}")
    is_thorough = wanted < KILLS_THOROUGH or not missed
    return outcome.verdict.is_good and outcome.kills >= wanted and is_thorough


def _print(outcome: Outcome, seconds: float) -> None:
    verdict = outcome.verdict
    print(
        f"{verdict.accepted} posts accepted, {verdict.cancelled} cancelled, {verdict.live} live,"
        f" {verdict.converted} of them converted, in {seconds:.0f} s"
    )
    print(f"{outcome.kills} kills, which ended {outcome.ended} processes")
    for kind, count in sorted(outcome.injected.items()):
        print(f"  {kind:20} {count}")
    print(
        f"{sum(map(bool, outcome.reached.values()))} of {len(outcome.reached)} boundaries reached"
    )
    for name, times in sorted(outcome.reached.items()):
        print(f"  {name:40} {times}")
    print(f"runs cut off by kills and taken up again: {verdict.interrupted}")
    _print_spread("time to resume", outcome.resume_seconds)
    _print_spread("scheduled posts began after their time by", verdict.late_seconds)
    print(f"bytes uploaded {verdict.uploaded_bytes}, resumed from {verdict.resumed_bytes}")
    print(f"live posts without an id: {verdict.without_id}")
    for name, jobs in verdict.faults.items():
        print(f"{name}: {len(jobs)}")
        for job in jobs[:LISTED]:
            print(f"  {job}")


def _print_spread(what: str, seconds: list[float]) -> None:
    if len(seconds) > 1:
        parts = statistics.quantiles(seconds, n=100, method="inclusive")
        print(
            f"{what}: p50 {parts[49]:.1f} s, p99 {parts[98]:.1f} s,"
            f" at most {max(seconds):.1f} s (of {len(seconds)})"
        )


if __name__ == "__main__":
    sys.exit(main())
