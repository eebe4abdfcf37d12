"""Whose turn it is: fair between accounts, strict between priorities, never above a limit."""

from __future__ import annotations

import random
import re
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from flask import Flask, current_app
from redis import Redis
from sqlalchemy import event, insert

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.extensions import db
from app.ids import new_id
from app.models import Account, Lane, PublishJob, Video
from app.publishing import outcomes
from app.publishing.claims import Claim, claim_next
from app.publishing.create import NewJob, create_jobs
from app.publishing.missing_wakes import queue_missing_wakes
from app.queues import PUBLISH_QUEUES, RunQueue
from tests.factories import make_account, make_job, make_video
from tests.limits import without_limits
from tests.rows import row

pytestmark = pytest.mark.usefixtures("context")
PLATFORM_LIMIT, PER_ACCOUNT = (
    "LIMIT_TIKTOK_CONCURRENT_UPLOADS",
    "LIMIT_TIKTOK_CONCURRENT_PER_ACCOUNT",
)
A_LOT = 1000


@pytest.fixture
def config(config: Config) -> Config:
    """No limits but the upload slots."""
    return replace(config, limits=without_limits(**{PLATFORM_LIMIT: 3, PER_ACCOUNT: 1}))


def post_many(account: Account, video: Video, count: int, **fields: Any) -> list[PublishJob]:
    """Accept many posts of one account."""
    now = utcnow()
    new = NewJob(
        **{
            "user_id": account.user_id,
            "account_id": account.id,
            "video_id": video.id,
            "platform": account.platform,
            "caption": "Hello",
            "privacy_level": "public",
            "priority": 5,
            "due_at": now,
            **fields,
        }
    )
    return create_jobs([new] * count, now)


def publish(claim: Claim) -> None:
    """End a claim as a worker does whose post went live."""
    outcomes.complete(claim, utcnow(), platform_post_id=new_id(), url=None)


def begun(count: int) -> list[Claim]:
    """Have one worker publish some posts, one after the other."""
    claims = []
    for _ in range(count):
        claim = claim_next("TIKTOK", utcnow())
        assert claim is not None
        publish(claim)
        claims.append(claim)
    return claims


def test_one_post_goes_before_a_thousand_of_another_account() -> None:
    alice, bob = make_account(), make_account(user_id="bob")
    post_many(alice, make_video(), A_LOT)
    begun(1)
    post_many(bob, make_video("bob"), 1)
    assert bob.id in [claim.account_id for claim in begun(2)]


def test_accounts_take_turns() -> None:
    accounts = [make_account() for _ in range(3)]
    for account in accounts:
        post_many(account, make_video(), 4)
    order = [claim.account_id for claim in begun(12)]
    for first in range(0, 12, 3):
        assert sorted(order[first : first + 3]) == sorted(account.id for account in accounts)


def test_priorities_go_in_order_though_accepted_shuffled() -> None:
    video = make_video()
    wanted = [priority for priority in range(1, 11) for _ in range(3)]
    random.Random(5).shuffle(wanted)
    of_job = {make_job(video=video, priority=one).id: one for one in wanted}
    order = [of_job[claim.job_id] for claim in begun(30)]
    assert order == sorted(wanted, reverse=True)


def test_priorities_of_one_account_go_in_order_too() -> None:
    account, video = make_account(), make_video()
    made = {make_job(account=account, video=video, priority=p).id: p for p in (2, 9, 5, 9, 1)}
    assert [made[claim.job_id] for claim in begun(5)] == [9, 9, 5, 2, 1]


def test_post_that_has_waited_long_goes_before_higher_priorities() -> None:
    now, video = utcnow(), make_video()
    hour = timedelta(hours=1)
    patient = make_job(video=video, priority=1, due_at=now - 9 * hour)
    make_job(video=video, priority=9, due_at=now)
    claim = claim_next("TIKTOK", now)
    assert claim is not None and claim.job_id == patient.id


def test_post_that_has_waited_briefly_does_not() -> None:
    now, video = utcnow(), make_video()
    make_job(video=video, priority=1, due_at=now - timedelta(hours=7))
    urgent = make_job(video=video, priority=9, due_at=now)
    claim = claim_next("TIKTOK", now)
    assert claim is not None and claim.job_id == urgent.id


def test_an_account_has_one_upload_at_a_time() -> None:
    account = make_account()
    post_many(account, make_video(), 2)
    first = claim_next("TIKTOK", utcnow())
    assert first is not None
    assert claim_next("TIKTOK", utcnow()) is None
    publish(first)
    assert claim_next("TIKTOK", utcnow()) is not None


def test_a_platform_has_no_more_uploads_than_its_limit() -> None:
    video = make_video()
    for _ in range(5):
        make_job(video=video)
    claims = [claim_next("TIKTOK", utcnow()) for _ in range(5)]
    assert [claim is not None for claim in claims] == [True] * 3 + [False] * 2


def test_polls_need_no_upload_slot() -> None:
    later, video = utcnow() + timedelta(minutes=1), make_video()
    for _ in range(7):
        make_job(video=video)
    for _ in range(3):
        claim = claim_next("TIKTOK", utcnow())
        assert claim is not None
        outcomes.poll_again(claim, later, utcnow(), progress=85)
    # Due polls go first and need no slot; then come three more uploads.
    claims = [claim_next("TIKTOK", later) for _ in range(7)]
    assert [claim.is_at_platform for claim in claims if claim] == [True] * 3 + [False] * 3


def test_slot_of_a_lost_worker_is_free_when_its_lease_expires() -> None:
    account = make_account()
    post_many(account, make_video(), 2)
    lost = claim_next("TIKTOK", utcnow())
    later = utcnow() + timedelta(seconds=31)
    follower = claim_next("TIKTOK", later)
    assert lost is not None and follower is not None
    assert (follower.job_id, follower.lost_runs) == (lost.job_id, 1)
    assert claim_next("TIKTOK", later) is None


def test_concurrent_workers_never_exceed_a_limit() -> None:
    posts, now = 20, utcnow()
    for _ in range(5):
        post_many(make_account(), make_video(), posts // 5, due_at=now)
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    guard, pause, under_way = threading.Lock(), threading.Event(), []
    seen: list[tuple[int, int]] = []
    done: list[str] = []

    def work() -> None:
        with app.app_context():
            while len(done) < posts:
                claim = claim_next("TIKTOK", now)
                if claim is None:
                    pause.wait(0.01)
                    continue
                with guard:
                    under_way.append(claim.account_id)
                    seen.append((len(under_way), under_way.count(claim.account_id)))
                with guard:
                    under_way.remove(claim.account_id)
                publish(claim)
                done.append(claim.job_id)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(done)) == posts
    assert max(total for total, _ in seen) <= 3 and max(own for _, own in seen) == 1


def test_whoever_frees_a_slot_wakes_the_next(redis: Redis) -> None:
    account = make_account()
    post_many(account, make_video(), 3)
    first = claim_next("TIKTOK", utcnow())
    assert first is not None
    redis.flushall()  # the other wake-ups have found the account busy, and are used up
    publish(first)
    assert RunQueue(PUBLISH_QUEUES["TIKTOK"], redis).count == 1


def test_rows_that_wait_for_a_slot_are_not_woken_again_and_again(redis: Redis) -> None:
    post_many(make_account(), make_video(), 3)
    assert claim_next("TIKTOK", utcnow()) is not None
    redis.flushall()
    assert queue_missing_wakes("TIKTOK", utcnow()) == 0


def fill_lanes(turn_at: datetime) -> None:
    """Give many accounts a lane with this turn: for a few rows, the planner needs no index."""
    row = {"priority": 5, "platform": "TIKTOK", "head_due_at": turn_at, "turn_at": turn_at}
    with transaction() as session:
        session.execute(insert(Lane), [{**row, "account_id": new_id()} for _ in range(A_LOT)])


def plan_of(statement: str, parameters: Any, *, analyze: bool) -> str:
    """Return the query plan of a statement, with or without statistics of the tables."""
    word = "EXPLAIN QUERY PLAN" if db.engine.dialect.name == "sqlite" else "EXPLAIN"
    with transaction() as session:
        if word == "EXPLAIN":
            if analyze:
                session.connection().exec_driver_sql("ANALYZE publish_jobs, lanes, limit_uses")
            session.connection().exec_driver_sql("SET LOCAL enable_seqscan = off")
        rows = session.connection().exec_driver_sql(f"{word} {statement}", parameters).all()
    return "\n".join(str(row[-1]) for row in rows)


def test_claim_uses_indexes_only() -> None:
    """Checks every statement of a claim, but for those on gates, which are read by key."""
    now = utcnow()
    post_many(make_account(), make_video(), A_LOT, due_at=now)
    fill_lanes(now + timedelta(days=1))
    asked: list[tuple[str, Any]] = []

    def hear(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
        if statement.startswith(("SELECT", "WITH")):
            asked.append((statement, parameters))

    event.listen(db.engine, "before_cursor_execute", hear)
    assert claim_next("TIKTOK", now) is not None
    event.remove(db.engine, "before_cursor_execute", hear)
    # Without statistics too, as after a burst: the index by due time would lead through every
    # due post of all accounts.
    plans = [plan_of(*one, analyze=analyze) for analyze in (False, True) for one in asked]
    assert not any("ix_publish_jobs_upcoming" in plan for plan in plans)
    for name in ("lanes_turn", "publish_jobs_lane", "publish_jobs_at_platform"):
        assert any(f"ix_{name}" in plan for plan in plans), name
    assert any("ix_publish_jobs_leased" in plan for plan in plans)
    scans = re.compile(r"(Seq Scan on|SCAN) (publish_jobs|lanes|limit_uses)")
    assert [plan for plan in plans if scans.search(plan)] == []


def test_number_of_queries_of_a_claim_does_not_grow_with_what_waits() -> None:
    """A thousand blocked posts, and then another account's: the same statements either way."""
    alice, bob = make_account(), make_account(user_id="bob")
    video, now = make_video(), utcnow()
    post_many(alice, video, 2, due_at=now)
    assert claim_next("TIKTOK", now) is not None
    few = statements_of_a_claim(bob, video, now)
    post_many(alice, video, A_LOT, due_at=now)
    assert statements_of_a_claim(bob, video, now) <= few


def statements_of_a_claim(account: Account, video: Video, now: datetime) -> int:
    """Count the statements with which an account's only post is claimed."""
    post_many(account, video, 1, due_at=now)
    counted: list[str] = []

    def count(*args: Any) -> None:
        counted.append(args[2])

    db.event.listen(db.engine, "before_cursor_execute", count)
    try:
        claim = claim_next("TIKTOK", now)
    finally:
        db.event.remove(db.engine, "before_cursor_execute", count)
    assert claim is not None and claim.account_id == account.id
    publish(claim)
    return len(counted)


def due_at(job_id: str) -> datetime:
    """Return when a job is due."""
    found = row(job_id).due_at
    assert found is not None
    return found
