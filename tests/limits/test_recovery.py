"""Posts put off by an outage go on once the platform answers, not at the end of a probe."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from redis import Redis

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.limits import circuits
from app.limits.circuits import PROBE_SECONDS, Evidence
from app.models import Gate, PublishJob, TimelineEntry, Video
from app.publishing import outcomes, recovering, steer
from app.publishing.choosing import POLLS_SPREAD_SECONDS
from app.publishing.claims import Claim, claim_next
from app.queues import PUBLISH_QUEUES, RunQueue
from app.states import JobState
from tests.factories import make_job, make_video
from tests.limits import without_limits
from tests.platforms import Platforms
from tests.rows import row
from tests.workers.conftest import connect
from workers.publishing.pipeline import advance
from workers.scheduling.sweeper import Sweeper

pytestmark = pytest.mark.usefixtures("context")
FAILED, WELL = Evidence(False), Evidence(True)
PAUSE = timedelta(seconds=30)


@pytest.fixture
def config(config: Config) -> Config:
    """No limits, which a circuit does not need."""
    return replace(config, limits=without_limits(), circuit_failures=2)


def gate() -> Gate:
    """Reload TikTok's gate."""
    with transaction() as session:
        return session.get_one(Gate, "TIKTOK", populate_existing=True)


def note(job_id: str, evidence: Evidence, now: datetime) -> None:
    """Feed a run's evidence to TikTok's circuit."""
    with transaction() as session:
        circuits.record_evidence(session, "TIKTOK", job_id, evidence, now)


def open_circuit(now: datetime) -> None:
    """Fail two jobs."""
    note("a", FAILED, now)
    note("b", FAILED, now)


def put_off_while_a_probe_is_out(jobs: list[PublishJob], now: datetime) -> Claim:
    """Open the circuit, send the first as the probe, and let the others fall due meanwhile."""
    open_circuit(now - PAUSE)
    probe = claim_next("TIKTOK", now)
    assert probe is not None and probe.job_id == jobs[0].id
    assert claim_next("TIKTOK", now) is None
    for job in jobs[1:]:
        assert row(job).error_code == circuits.CODE
        assert row(job).due_at >= now + timedelta(seconds=PROBE_SECONDS)
    return probe


def several(count: int, now: datetime) -> list[PublishJob]:
    """Accept posts that fell due a second apart."""
    video = make_video()
    return [
        make_job(video=video, due_at=now - timedelta(seconds=count - number))
        for number in range(count)
    ]


def test_posts_put_off_during_a_probe_go_when_it_is_answered_and_before_later_ones() -> None:
    now = utcnow()
    jobs = several(4, now)
    probe = put_off_while_a_probe_is_out(jobs, now)
    note(probe.job_id, WELL, now)
    make_job(due_at=now)
    assert recovering.release_after_outage("TIKTOK", now) == 3
    order = [claim_next("TIKTOK", now) for _ in jobs[1:]]
    assert [claim.job_id for claim in order if claim] == [job.id for job in jobs[1:]]
    with transaction() as session:
        query = session.query(TimelineEntry).filter_by(job_id=jobs[1].id, kind="wait")
        waits = [(entry.name, entry.outcome) for entry in query.order_by(TimelineEntry.id)]
    assert waits == [("queue", "done"), ("outage", "done"), ("queue", "done")]
    assert row(jobs[1]).error_code is None
    assert not gate().is_recovering


def test_post_rescheduled_during_an_outage_is_not_released_before_its_new_time() -> None:
    now = utcnow()
    jobs = several(3, now)
    probe = put_off_while_a_probe_is_out(jobs, now)
    tomorrow = now + timedelta(days=1)
    steer.edit(jobs[1].id, {"scheduled_time": tomorrow}, now, judged={})
    note(probe.job_id, WELL, now)
    assert recovering.release_after_outage("TIKTOK", now) == 1
    moved = row(jobs[1])
    assert (moved.due_at, moved.error_code) == (tomorrow, None)


def test_batches_keep_the_order_and_leave_nothing() -> None:
    now = utcnow()
    jobs = several(8, now)
    probe = put_off_while_a_probe_is_out(jobs, now)
    note(probe.job_id, WELL, now)
    assert recovering.release_after_outage("TIKTOK", now, batch=3) == 7
    assert sorted(jobs[1:], key=lambda job: (row(job).due_at, job.id)) == jobs[1:]
    assert all(row(job).state_at(now) is JobState.WAITING for job in jobs[1:])


def test_released_polls_are_spread_over_some_seconds(redis: Redis) -> None:
    now = utcnow()
    asked, other = several(2, now)
    claims = [claim_next("TIKTOK", now) for _ in range(2)]
    for claim in claims:
        assert claim is not None
        outcomes.poll_again(claim, now, now, progress=85)
    probe = put_off_while_a_probe_is_out([asked, other], now)
    note(probe.job_id, WELL, now)
    redis.flushall()
    assert recovering.release_after_outage("TIKTOK", now) == 1
    due_at = row(other).due_at
    assert due_at is not None and now <= due_at
    assert due_at <= now + timedelta(seconds=POLLS_SPREAD_SECONDS)
    followed = claim_next("TIKTOK", due_at)
    assert followed is not None and followed.is_at_platform


def test_scheduler_releases_what_a_dead_process_left(redis: Redis) -> None:
    now = utcnow()
    jobs = several(3, now)
    probe = put_off_while_a_probe_is_out(jobs, now)
    note(probe.job_id, WELL, now)  # and dies before it releases anything
    redis.flushall()
    Sweeper().sweep(utcnow())
    assert RunQueue(PUBLISH_QUEUES["TIKTOK"], redis).count == 2
    assert not gate().is_recovering


def test_circuit_that_opens_again_keeps_what_it_holds() -> None:
    now = utcnow()
    jobs = several(3, now)
    probe = put_off_while_a_probe_is_out(jobs, now)
    note(probe.job_id, WELL, now)
    open_circuit(now)
    assert recovering.release_after_outage("TIKTOK", now) == 0


def test_answered_probe_releases_the_others(platforms: Platforms, stored_film: Video) -> None:
    now = utcnow()
    open_circuit(now)
    held = several(3, now)
    assert claim_next("TIKTOK", now) is None
    assert all(row(job).state_at(utcnow()) is JobState.DELAYED for job in held)
    with transaction() as session:
        session.get_one(Gate, "TIKTOK").probe_at = now
    probe = make_job(account=connect(platforms, "TIKTOK"), video=stored_film)
    advance("TIKTOK", probe.id)
    assert row(probe).attempts_made == 1 and gate().probe_at is None
    assert all(row(job).state_at(utcnow()) is JobState.WAITING for job in held)


def test_probe_without_a_request_is_followed_by_another_at_once(redis: Redis) -> None:
    now = utcnow()
    # The video of each is gone from the store, which is noticed before any request is sent.
    jobs = several(3, now)
    open_circuit(now - PAUSE)
    advance("TIKTOK", jobs[0].id)
    assert row(jobs[0]).state is JobState.FAILED
    found = gate()
    assert found.probe_job_id is None
    assert found.probe_at is not None and found.probe_at <= utcnow()
    advance("TIKTOK", jobs[1].id)
    assert row(jobs[1]).state is JobState.FAILED


def test_a_post_put_off_meanwhile_is_the_next_probe(redis: Redis) -> None:
    now = utcnow()
    jobs = several(3, now)
    probe = put_off_while_a_probe_is_out(jobs, now)
    redis.flushall()
    with transaction() as session:
        assert circuits.give_up_probe(session, "TIKTOK", probe.job_id, now)
    recovering.release_probe("TIKTOK", now)
    assert RunQueue(PUBLISH_QUEUES["TIKTOK"], redis).count == 1
    following = claim_next("TIKTOK", now)
    assert following is not None and following.job_id == jobs[1].id
    assert claim_next("TIKTOK", now) is None


def test_only_the_probe_itself_can_give_it_up() -> None:
    now = utcnow()
    jobs = several(2, now)
    put_off_while_a_probe_is_out(jobs, now)
    with transaction() as session:
        assert not circuits.give_up_probe(session, "TIKTOK", jobs[1].id, now)
    assert claim_next("TIKTOK", now) is None


def test_an_outage_is_measured_from_when_the_circuit_opened() -> None:
    now = utcnow()
    open_circuit(now - timedelta(hours=3))
    with transaction() as session:
        seen = circuits.record_evidence(session, "TIKTOK", "c", FAILED, now)
    assert seen.opened_at == now - timedelta(hours=3)
    note("c", WELL, now)
    with transaction() as session:
        assert circuits.record_evidence(session, "TIKTOK", "c", FAILED, now).opened_at is None
