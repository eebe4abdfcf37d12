"""A worker whose clock is fast begins no post early, and does all else by its own clock."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.clock import utcnow
from app.publishing import outcomes
from app.publishing.claims import claim_next, claim_poll
from tests.databases import ON_POSTGRES
from tests.factories import make_job
from tests.rows import row
from workers.publishing import clock_check
from workers.publishing.clock_check import TOLERANCE, ClockCheck

pytestmark = [ON_POSTGRES, pytest.mark.usefixtures("context")]
#: Nobody can set a machine's clock in a test, so the worker is told another time.
FAST = timedelta(hours=2)


def test_worker_with_a_fast_clock_begins_nothing_early(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_check, "utcnow", lambda: utcnow() + FAST)
    early, due = make_job(due_at=utcnow() + timedelta(hours=1)), make_job()
    ahead = ClockCheck().ahead()
    assert FAST - TOLERANCE < ahead <= FAST
    theirs = utcnow() + FAST
    claim = claim_next("TIKTOK", theirs, ahead=ahead)
    assert claim is not None and claim.job_id == due.id
    # Its lease and its polls are by the clock that it renews and polls them by.
    leased_until = row(due.id).due_at
    assert leased_until is not None and leased_until > theirs
    outcomes.poll_again(claim, theirs, theirs, progress=80)
    assert claim_poll(due.id, theirs) is not None
    assert claim_next("TIKTOK", theirs, ahead=ahead) is None, early.id


@pytest.mark.parametrize("fast", [timedelta(), -FAST])
def test_clock_that_is_right_or_slow_is_left_alone(
    monkeypatch: pytest.MonkeyPatch, fast: timedelta
) -> None:
    monkeypatch.setattr(clock_check, "utcnow", lambda: utcnow() + fast)
    assert ClockCheck().ahead() == timedelta()
