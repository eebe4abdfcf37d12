"""A worker whose clock is wrong begins posts by the database's."""

from __future__ import annotations

from datetime import timedelta

import pytest

from app.clock import utcnow
from app.publishing.claims import claim_next
from tests.databases import ON_POSTGRES
from tests.factories import make_job
from workers.publishing import trusted_clock
from workers.publishing.trusted_clock import TOLERANCE, TrustedClock

pytestmark = [ON_POSTGRES, pytest.mark.usefixtures("context")]


@pytest.mark.parametrize("ahead", [timedelta(hours=2), timedelta(hours=-2)])
def test_clock_that_is_wrong_is_corrected(
    monkeypatch: pytest.MonkeyPatch, ahead: timedelta
) -> None:
    """Nobody can set a machine's clock in a test, so the worker is told another time."""
    monkeypatch.setattr(trusted_clock, "utcnow", lambda: utcnow() + ahead)
    early, due = make_job(due_at=utcnow() + timedelta(hours=1)), make_job()
    clock = TrustedClock()
    assert abs(clock.now() - utcnow()) < TOLERANCE
    claim = claim_next("TIKTOK", clock.now())
    assert claim is not None and claim.job_id == due.id
    assert claim_next("TIKTOK", clock.now()) is None, early.id


def test_clock_that_is_right_is_left_alone() -> None:
    before = utcnow()
    assert before <= TrustedClock().now() <= utcnow()
