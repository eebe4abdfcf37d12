"""A platform that fails everyone is left alone, by all workers, but for one probe at a time."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from flask import Flask

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.failures import Failure
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
    """No limits: a circuit needs none."""
    return replace(config, limits=without_limits(), circuit_failures=3)


def note(job_id: str, evidence: Evidence, now: datetime) -> datetime | None:
    """Let a run of a job have seen this of TikTok; return until when its circuit is open."""
    with transaction() as session:
        return circuits.note(session, "TIKTOK", job_id, evidence, now).open_until


def open_circuit(now: datetime) -> None:
    """Fail three jobs."""
    for name in "abc":
        note(name, FAILED, now)


def processed(now: datetime) -> Claim:
    """Let the platform have a post, which is to be asked about now; return what its run held."""
    make_job(due_at=now)
    claim = claim_next("TIKTOK", now)
    assert claim is not None
    outcomes.ask_again(claim, now, now, progress=85)
    return claim


def test_it_opens_when_one_job_after_another_fails() -> None:
    now = utcnow()
    assert note("a", FAILED, now) is None
    assert note("b", FAILED, now) is None
    assert note("c", FAILED, now) == now + PAUSE


def test_a_call_that_hangs_weighs_twice() -> None:
    now = utcnow()
    assert note("a", HUNG, now) is None
    assert note("b", HUNG, now) == now + PAUSE


def test_any_answer_in_between_begins_the_count_anew() -> None:
    now = utcnow()
    for number, evidence in enumerate((FAILED, FAILED, WELL, FAILED, FAILED)):
        assert note(f"job-{number}", evidence, now) is None


def test_one_job_alone_cannot_open_it() -> None:
    now = utcnow()
    assert [note("a", FAILED, now) for _ in range(9)] == [None] * 9


@pytest.mark.parametrize("priority", [1, 10])
def test_while_it_is_open_posts_wait_and_say_why(priority: int) -> None:
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


def test_after_the_pause_a_single_probe_goes_out() -> None:
    now = utcnow()
    open_circuit(now)
    make_job(), make_job()
    later = now + PAUSE
    probe = claim_next("TIKTOK", later)
    assert probe is not None
    assert claim_next("TIKTOK", later) is None
    # It failed: the next one goes out after twice the pause.
    assert note(probe.job_id, FAILED, later) == later + 2 * PAUSE


def test_the_first_answer_closes_it() -> None:
    now = utcnow()
    open_circuit(now)
    job = make_job()
    probe = claim_next("TIKTOK", now + PAUSE)
    assert probe is not None and probe.job_id == job.id
    assert note(probe.job_id, WELL, now + PAUSE) is None
    make_job()
    assert claim_next("TIKTOK", now + PAUSE) is not None


def test_a_probe_that_was_lost_is_followed_by_another() -> None:
    now = utcnow()
    open_circuit(now)
    make_job(), make_job()
    later = now + PAUSE
    assert claim_next("TIKTOK", later) is not None
    assert claim_next("TIKTOK", later + timedelta(seconds=PROBE_SECONDS + 60)) is not None


def test_a_question_may_be_the_probe() -> None:
    now = utcnow()
    claim = processed(now)
    open_circuit(now)
    assert claim_next("TIKTOK", now) is None
    asked = _after_its_pause(claim)
    assert asked is not None and asked.is_at_platform


def test_a_question_that_may_not_be_asked_is_no_probe() -> None:
    """Else the platform would be taken for out for as long as a lost probe is waited for."""
    now = utcnow()
    claim = processed(now)
    open_circuit(now)
    closing = Closing(claim.account_id, now + timedelta(hours=5), reads=True)
    with transaction() as session:
        gates.close(session, closing, Failure("too_many_calls", "rate_limit", "too many calls"))
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
