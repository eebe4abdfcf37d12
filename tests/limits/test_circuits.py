"""The circuit breaker: a platform that fails all jobs gets one probe at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask import Flask

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.failures import Category, Failure
from app.limits import circuits, gates
from app.limits.circuits import PROBE_SECONDS, Evidence
from app.limits.gates import Closing
from app.models import PublishJob
from app.publishing import outcomes
from app.publishing.claims import Claim, claim_next
from app.states import JobState
from tests.factories import make_job
from tests.limits import without_limits
from tests.rows import row

pytestmark = pytest.mark.usefixtures("context")
FAILED, HUNG, WELL = Evidence(False), Evidence(False, timed_out=True), Evidence(True)
PAUSE = timedelta(seconds=30)


@pytest.fixture
def config(config: Config) -> Config:
    """No limits, which a circuit does not need."""
    return replace(config, limits=without_limits(), circuit_failures=3)


def note(job_id: str, evidence: Evidence, now: datetime) -> datetime | None:
    """Feed a run's evidence to TikTok's circuit; return until when it is open."""
    with transaction() as session:
        return circuits.record_evidence(session, "TIKTOK", job_id, evidence, now).open_until


def open_circuit(now: datetime) -> None:
    """Fail three jobs."""
    for name in "abc":
        note(name, FAILED, now)


def processed(now: datetime) -> Claim:
    """Upload a post whose poll is due now; return the claim of its run."""
    make_job(due_at=now)
    claim = claim_next("TIKTOK", now)
    assert claim is not None
    outcomes.poll_again(claim, now, now, progress=85)
    return claim


def test_circuit_opens_when_job_after_job_fails() -> None:
    now = utcnow()
    assert note("a", FAILED, now) is None
    assert note("b", FAILED, now) is None
    assert note("c", FAILED, now) == now + PAUSE


def test_timeout_counts_twice() -> None:
    now = utcnow()
    assert note("a", HUNG, now) is None
    assert note("b", HUNG, now) == now + PAUSE


def test_any_answer_resets_the_count() -> None:
    now = utcnow()
    for number, evidence in enumerate((FAILED, FAILED, WELL, FAILED, FAILED)):
        assert note(f"job-{number}", evidence, now) is None


def test_one_job_alone_cannot_open_the_circuit() -> None:
    now = utcnow()
    assert [note("a", FAILED, now) for _ in range(9)] == [None] * 9


@pytest.mark.parametrize("priority", [1, 10])
def test_posts_wait_for_an_open_circuit_and_say_why(priority: int) -> None:
    now = utcnow()
    open_circuit(now)
    job, other = make_job(due_at=now, priority=priority), make_job("YOUTUBE", due_at=now)
    assert claim_next("TIKTOK", now) is None
    held = row(job)
    assert held.state_at(now) is JobState.DELAYED and held.attempts_made == 0
    assert held.error_code == "platform_unavailable" and held.due_at is not None
    assert held.due_at >= now + PAUSE
    claim = claim_next("YOUTUBE", now)
    assert claim is not None and claim.job_id == other.id


def test_single_probe_goes_out_after_the_pause() -> None:
    now = utcnow()
    open_circuit(now)
    make_job(), make_job()
    later = now + PAUSE
    probe = claim_next("TIKTOK", later)
    assert probe is not None
    assert claim_next("TIKTOK", later) is None
    # It failed: the next one goes out after twice the pause.
    assert note(probe.job_id, FAILED, later) == later + 2 * PAUSE


def test_first_answer_closes_the_circuit() -> None:
    now = utcnow()
    open_circuit(now)
    job = make_job()
    probe = claim_next("TIKTOK", now + PAUSE)
    assert probe is not None and probe.job_id == job.id
    assert note(probe.job_id, WELL, now + PAUSE) is None
    make_job()
    assert claim_next("TIKTOK", now + PAUSE) is not None


def test_lost_probe_is_followed_by_another() -> None:
    now = utcnow()
    open_circuit(now)
    make_job(), make_job()
    later = now + PAUSE
    assert claim_next("TIKTOK", later) is not None
    assert claim_next("TIKTOK", later + timedelta(seconds=PROBE_SECONDS + 60)) is not None


def test_poll_may_be_the_probe() -> None:
    now = utcnow()
    claim = processed(now)
    open_circuit(now)
    assert claim_next("TIKTOK", now) is None
    asked = _after_its_pause(claim)
    assert asked is not None and asked.is_at_platform


def test_poll_that_is_not_allowed_is_no_probe() -> None:
    """Otherwise the circuit would stay open for the timeout of a lost probe."""
    now = utcnow()
    claim = processed(now)
    open_circuit(now)
    closing = Closing(claim.account_id, now + timedelta(hours=5), reads=True)
    with transaction() as session:
        gates.close(
            session, closing, Failure("too_many_calls", Category.RATE_LIMIT, "too many calls")
        )
    other = make_job(due_at=now + PAUSE)
    probe = claim_next("TIKTOK", now + PAUSE)
    assert probe is not None and probe.job_id == other.id and probe.is_probe


def _after_its_pause(claim: Claim) -> Claim | None:
    with transaction() as session:
        due_at = session.get_one(PublishJob, claim.job_id, populate_existing=True).due_at
    assert due_at is not None
    return claim_next("TIKTOK", due_at)


def test_failures_of_runs_begun_before_it_opened_do_not_lengthen_the_pause(app: Flask) -> None:
    now = utcnow()
    open_circuit(now)
    assert note("late", HUNG, now + timedelta(seconds=1)) == now + PAUSE
