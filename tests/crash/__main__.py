"""`python -m tests.crash`: kill the service's processes at work, and count what it cost."""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import tempfile
import time
from pathlib import Path

from tests.crash.campaign import Outcome, run_campaign
from tests.crash.plan import KILLS, long_plan

KILLS_DEFAULT = 500
LISTED = 20


def main() -> int:
    """Run one campaign, print its figures; 0 when every promise was kept."""
    wanted = _arguments()
    print(f"seed {wanted.seed}, {wanted.kills} kills, {wanted.database}", flush=True)
    began = time.monotonic()
    plan = long_plan(wanted.seed, wanted.kills, wanted.database)
    with tempfile.TemporaryDirectory(prefix="crash-") as folder:
        outcome = run_campaign(plan, Path(folder))
    _print(outcome, time.monotonic() - began)
    kills = sum(outcome.struck[kind] for kind in KILLS)
    if kills < wanted.kills:
        print(f"not in time: {kills} of {wanted.kills} kills")
    return 0 if outcome.verdict.is_good and kills == wanted.kills else 1


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.crash", description=__doc__)
    parser.add_argument("--kills", type=int, default=KILLS_DEFAULT)
    parser.add_argument("--seed", type=int, default=random.randrange(10**6))
    parser.add_argument("--database", choices=("sqlite", "postgresql"), default="postgresql")
    return parser.parse_args()


def _print(outcome: Outcome, seconds: float) -> None:
    verdict = outcome.verdict
    print(f"{verdict.accepted} posts accepted, {verdict.live} live, in {seconds:.0f} s")
    for kind, count in sorted(outcome.struck.items()):
        print(f"  {kind:28} {count}")
    print(f"runs cut off by kills and taken up again: {verdict.interrupted}")
    waits = outcome.resume_seconds
    if len(waits) > 1:
        parts = statistics.quantiles(waits, n=100, method="inclusive")
        print(f"time to resume: p50 {parts[49]:.1f} s, p99 {parts[98]:.1f} s (of {len(waits)})")
    print(f"bytes sent beyond the videos' size: {verdict.bytes_beyond}")
    for name in ("lost", "doubled", "wasted"):
        jobs: list[str] = getattr(verdict, name)
        print(f"{name}: {len(jobs)}")
        for job in jobs[:LISTED]:
            print(f"  {job}")


if __name__ == "__main__":
    sys.exit(main())
