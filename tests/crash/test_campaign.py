"""The short form of the crash campaign; `make crash` is the long one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.crash.campaign import run_campaign
from tests.crash.plan import long_plan, short_plan


# Some leases must be waited for: that and a sweep take most of a minute.
@pytest.mark.long
@pytest.mark.timeout(480)
def test_kills_lose_nothing_and_double_nothing(tmp_path: Path) -> None:
    """On PostgreSQL, which can be restarted; CI runs a longer one on SQLite, too."""
    outcome = run_campaign(short_plan(7, "postgresql"), tmp_path)
    verdict = outcome.verdict
    assert {name: jobs for name, jobs in verdict.faults.items() if jobs} == {}
    assert verdict.accepted - verdict.cancelled == verdict.live > 0
    assert verdict.interrupted > 0 and verdict.converted > 0
    assert outcome.injected["encoder"] > 0


def test_a_seed_says_what_strikes() -> None:
    assert long_plan(1, 50, "sqlite") == long_plan(1, 50, "sqlite")
    assert long_plan(1, 50, "sqlite") != long_plan(2, 50, "sqlite")
