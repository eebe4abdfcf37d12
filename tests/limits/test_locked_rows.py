"""A row that another transaction holds locked, perhaps for long, holds up no other account."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import timedelta

import pytest
from redis import Redis
from sqlalchemy import create_engine, select

from app.clock import utcnow
from app.database.transaction import transaction
from app.extensions import db
from app.limits import gates
from app.models import PublishJob
from app.publishing import pausing
from app.publishing.claims import claim_next
from app.queues import PUBLISH_QUEUES, RunQueue
from tests.databases import ON_POSTGRES
from tests.factories import make_account, make_job
from tests.rows import row
from workers.scheduling.sweeper import Sweeper

pytestmark = [ON_POSTGRES, pytest.mark.usefixtures("context")]
Lock = Callable[[PublishJob], None]


@pytest.fixture
def lock(context: None) -> Iterator[Lock]:
    """Lock rows, as a process that froze in the middle of a transaction does."""
    engine = create_engine(db.engine.url)
    with ExitStack() as held:

        def lock_row(job: PublishJob) -> None:
            connection = held.enter_context(engine.connect())
            query = select(PublishJob.id).where(PublishJob.id == job.id)
            connection.execute(query.with_for_update())

        yield lock_row
    engine.dispose()


def test_other_accounts_begin(lock: Lock) -> None:
    lock(make_job(now=utcnow() - timedelta(seconds=5)))
    others = {make_job(account=make_account(user_id=f"user-{n}")).id for n in range(3)}
    now = utcnow() + timedelta(seconds=1)
    assert {claim.job_id for _ in others if (claim := claim_next("TIKTOK", now))} == others


def test_claim_that_finds_nothing_else_ends_and_wakes_nobody(lock: Lock, redis: Redis) -> None:
    lock(make_job())
    redis.flushall()
    assert claim_next("TIKTOK", utcnow()) is None
    assert RunQueue(PUBLISH_QUEUES["TIKTOK"], redis).count == 0


def test_sweep_goes_on_with_all_other_posts(lock: Lock, redis: Redis) -> None:
    paused = make_job("TIKTOK")
    other = make_job("TIKTOK", account=make_account(user_id="bob"))
    pausing.pause("TIKTOK", utcnow())
    assert claim_next("TIKTOK", utcnow()) is None
    overdue = make_job("YOUTUBE", due_at=utcnow() - timedelta(seconds=30))
    redis.flushall()
    with transaction() as session:  # resumed by a process that died before it released anything
        gate = gates.lock(session, "TIKTOK")
        gate.paused_at, gate.is_releasing = None, True
    lock(paused)
    Sweeper().sweep(utcnow())
    assert RunQueue(PUBLISH_QUEUES[overdue.platform], redis).count == 1
    assert (row(other.id).error_code, row(paused.id).error_code) == (None, "platform_paused")


def test_post_that_was_locked_is_released_later(lock: Lock) -> None:
    paused = make_job("TIKTOK")
    pausing.pause("TIKTOK", utcnow())
    assert claim_next("TIKTOK", utcnow()) is None
    with ExitStack() as held:
        connection = held.enter_context(db.engine.connect())
        query = select(PublishJob.id).where(PublishJob.id == paused.id)
        connection.execute(query.with_for_update())
        pausing.resume("TIKTOK", utcnow())
    assert row(paused.id).error_code == "platform_paused"
    assert pausing.release_resumed(utcnow()) == 1
    assert row(paused.id).error_code is None
