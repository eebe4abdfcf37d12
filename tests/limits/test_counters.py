"""Counters of calls: atomic, restored when Redis loses them, even in the middle of a day."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest
from flask import Flask, current_app
from redis import Redis

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.limits import ledger
from app.limits.counters import Taken, counters_for
from app.limits.rules import limits_on
from sandbox.development.redis_server import RedisServer
from tests.limits import without_limits
from workers.errors import RateLimited
from workers.publishing.budget import RunBudget

pytestmark = pytest.mark.usefixtures("context")
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=timezone.utc)


@pytest.fixture
def config(config: Config) -> Config:
    """Three calls an hour, and five units a day."""
    limits = without_limits(LIMIT_INSTAGRAM_CALLS_PER_HOUR=3, LIMIT_YOUTUBE_UNITS_PER_DAY=5)
    return replace(config, limits=limits)


def take(
    counts: str = "calls",
    amount: int = 1,
    *,
    account: str = "a",
    after: timedelta = timedelta(),
    keep_share: float = 0.0,
) -> Taken:
    """Take some of an account's limits."""
    platform = "INSTAGRAM" if counts == "calls" else "YOUTUBE"
    with transaction() as session:
        return counters_for(platform, account).take(
            session, counts, amount, NOW + after, keep_share=keep_share
        )


def test_full_window_says_when_there_is_room() -> None:
    minute = timedelta(minutes=1)
    assert [take(after=minute * n).is_taken for n in range(3)] == [True] * 3
    refused = take(after=3 * minute)
    assert not refused.is_taken and refused.room_at is not None
    hour = timedelta(hours=1)
    assert NOW + hour <= refused.room_at <= NOW + hour + timedelta(seconds=1)
    assert not take(after=hour - minute).is_taken
    assert take(after=refused.room_at - NOW).is_taken


def test_accounts_are_counted_apart_and_the_application_as_a_whole() -> None:
    assert all(take().is_taken for _ in range(3))
    assert take(account="b").is_taken
    assert take("units", 3).is_taken and not take("units", 3, account="b").is_taken
    assert take("units", 2, account="b").is_taken


def test_a_pacific_day_ends_at_midnight() -> None:
    assert take("units", 5).is_taken
    refused = take("units")
    assert refused.room_at == datetime(2026, 11, 27, 8, tzinfo=timezone.utc)
    assert take("units", after=timedelta(hours=20)).is_taken


def test_share_can_be_reserved_for_others() -> None:
    assert [take(keep_share=0.4).is_taken for _ in range(3)] == [True, True, False]
    assert take().is_taken


def test_emptied_redis_is_restored_from_the_ledger(redis: Redis) -> None:
    with transaction() as session:
        ledger.record(session, "INSTAGRAM", "a", {"calls": 2}, NOW - timedelta(minutes=5))
        ledger.record(session, "INSTAGRAM", "a", {"calls": 9}, NOW - timedelta(hours=2))
    assert take().is_taken
    assert not take().is_taken
    with transaction() as session:
        ledger.record(session, "INSTAGRAM", "a", {"calls": 1}, NOW)
    redis.flushall()
    assert not take().is_taken


def test_concurrent_takes_never_exceed_the_limit() -> None:
    app: Flask = current_app._get_current_object()  # type: ignore[attr-defined]
    start, got = threading.Barrier(8), []

    def contend() -> None:
        start.wait()
        with app.app_context():
            got.append(take().is_taken)

    threads = [threading.Thread(target=contend) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(got) == [False] * 5 + [True] * 3


def test_run_budget_records_its_use_and_refuses_what_does_not_fit(
    redis: Redis,
) -> None:
    budget = RunBudget("INSTAGRAM", "a")
    for _ in range(3):
        budget.spend("calls")
    with pytest.raises(RateLimited) as caught:
        budget.spend("calls")
    assert (caught.value.code, caught.value.application_wide) == (
        "limit_instagram_calls_per_hour",
        False,
    )
    assert "3 calls in an hour" in caught.value.detail
    budget.settle()
    redis.flushall()
    with pytest.raises(RateLimited):
        RunBudget("INSTAGRAM", "a").spend("calls")


def test_use_of_a_run_survives_a_failed_transaction(redis: Redis) -> None:
    budget = RunBudget("INSTAGRAM", "a")
    for _ in range(3):
        budget.spend("calls")
    with pytest.raises(ConnectionError), budget.settling():
        raise ConnectionError("the database is away")
    budget.settle()
    budget.settle()  # which has nothing to add
    redis.flushall()
    with pytest.raises(RateLimited):
        RunBudget("INSTAGRAM", "a").spend("calls")
    with transaction() as session:
        (limit,) = limits_on("INSTAGRAM", "calls")
        assert ledger.used_in(session, limit, "a", utcnow()) == 3


def test_without_redis_the_ledger_decides(redis_server: RedisServer) -> None:
    redis_server.kill()
    try:
        budget = RunBudget("INSTAGRAM", "a")
        for _ in range(3):
            budget.spend("calls")
        with pytest.raises(RateLimited):
            budget.spend("calls")
        budget.settle()
        with pytest.raises(RateLimited):
            RunBudget("INSTAGRAM", "a").spend("calls")
    finally:
        redis_server.start()


def test_use_while_redis_was_away_counts_when_it_returns_with_its_data(
    redis: Redis,
) -> None:
    RunBudget("INSTAGRAM", "a").spend("calls")
    redis.execute_command("ACL", "SETUSER", "default", "-evalsha", "-eval")
    try:
        budget = RunBudget("INSTAGRAM", "a")
        budget.spend("calls")
        budget.spend("calls")
    finally:
        redis.execute_command("ACL", "SETUSER", "default", "+@all")
    again = RunBudget("INSTAGRAM", "a")
    budget.settle()
    again.spend("calls")
    with pytest.raises(RateLimited):
        again.spend("calls")


def test_polls_are_spread_out_where_little_is_left() -> None:
    budget = RunBudget("YOUTUBE", "a")
    assert budget.stretch(30) == 30
    budget.spend("units", 4)
    assert budget.stretch(30) == pytest.approx(150)
