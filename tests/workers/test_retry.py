"""The retry policy as a table: what follows each kind of error."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta, timezone

import pytest

from app.failures import Category
from workers.errors import (
    AccountRefused,
    Ambiguous,
    KeyMissing,
    NetworkFailure,
    OutcomeUnknown,
    PublishError,
    RateLimited,
    RequestRefused,
    ResponseLost,
    TokenExpired,
    Transient,
    Unfinished,
    UploadGone,
    VideoRefused,
)
from workers.publishing.retry import (
    GROWING_PAUSE_MAX,
    HOLD_BACK_MIN,
    KEY_MISSING_PAUSE,
    OUTAGE_LIMIT,
    REOPEN_MAX,
    Action,
    Backoff,
    Decision,
    Situation,
    decide,
)

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=timezone.utc)
EXPONENTIAL = Backoff("exponential", 5000, attempts=3)
FIXED = Backoff("fixed", 5000, attempts=3)


def situation(
    attempt: int = 1,
    backoff: Backoff = EXPONENTIAL,
    reopened: int = 0,
    committed_seconds_ago: float | None = None,
    unanswered_seconds: float | None = None,
) -> Situation:
    """Return a situation, by default that of a fresh job."""
    committed_at, unanswered_since = (
        None if seconds is None else NOW - timedelta(seconds=seconds)
        for seconds in (committed_seconds_ago, unanswered_seconds)
    )
    return Situation(attempt, backoff, reopened, committed_at, unanswered_since)


def unanswered(seconds: float) -> Situation:
    """Return the situation of a job that was committed days ago and last answered for then."""
    return situation(3, committed_seconds_ago=300_000, unanswered_seconds=seconds)


def asked(error: PublishError, seconds: float) -> PublishError:
    """Return an error whose answer asked to be left alone for so long."""
    error.not_before = NOW + timedelta(seconds=seconds)
    return error


UNFINISHED = Unfinished("x", "the connection broke", hint="", category=Category.NETWORK)


@pytest.mark.parametrize(
    ("error", "where", "action", "seconds"),
    [
        (Transient("x"), situation(1), Action.TRY_AGAIN, 5),
        (Transient("x"), situation(2), Action.TRY_AGAIN, 10),
        (Transient("x"), situation(3), Action.FAIL, 0),
        (NetworkFailure("x"), situation(2, FIXED), Action.TRY_AGAIN, 5),
        (OutcomeUnknown("x"), situation(1), Action.TRY_AGAIN, 5),
        (ResponseLost("x"), situation(1, committed_seconds_ago=1), Action.POLL_AGAIN, 5),
        (Transient("x"), situation(3, committed_seconds_ago=90_000), Action.POLL_AGAIN, 5),
        (Transient("x"), unanswered(100), Action.POLL_AGAIN, 25),
        (Transient("x"), unanswered(9000), Action.POLL_AGAIN, 300),
        (Transient("x"), unanswered(90_000), Action.GIVE_UP_UNKNOWN, 0),
        (UploadGone("x"), situation(1), Action.REOPEN, 0),
        (UploadGone("x"), situation(1, committed_seconds_ago=9), Action.REOPEN, 0),
        (UploadGone("x"), situation(1, reopened=REOPEN_MAX), Action.TRY_AGAIN, 5),
        (UploadGone("x"), situation(3, reopened=REOPEN_MAX), Action.FAIL, 0),
        (asked(Transient("x"), 120), situation(1), Action.TRY_AGAIN, 120),
        (asked(Transient("x"), 1), situation(1), Action.TRY_AGAIN, 5),
        (asked(Transient("x"), 90_000), situation(1), Action.TRY_AGAIN, 3600),
        (
            asked(ResponseLost("x"), 60),
            situation(1, committed_seconds_ago=1),
            Action.POLL_AGAIN,
            60,
        ),
        (
            Transient("x").for_dead_upload(),
            situation(1, committed_seconds_ago=1),
            Action.TRY_AGAIN,
            5,
        ),
        (
            Transient("x").for_unpublished(),
            situation(1, committed_seconds_ago=1),
            Action.TRY_AGAIN,
            5,
        ),
        (Transient("x").for_unpublished(), situation(3, committed_seconds_ago=1), Action.FAIL, 0),
        # Proven to have published nothing, whatever was written down before.
        (UNFINISHED, situation(2, committed_seconds_ago=9), Action.TRY_AGAIN, 10),
        (UNFINISHED, situation(3, committed_seconds_ago=9), Action.FAIL, 0),
        (TokenExpired("x"), situation(1), Action.TRY_AGAIN, 5),
        (TokenExpired("x"), situation(3), Action.FAIL, 0),
        (TokenExpired("x"), situation(3, committed_seconds_ago=9), Action.POLL_AGAIN, 5),
        (AccountRefused("x"), situation(1), Action.FAIL, 0),
        (VideoRefused("x"), situation(1), Action.FAIL, 0),
        (RequestRefused("x"), situation(1), Action.FAIL, 0),
        (RequestRefused("x", application_wide=True), situation(3), Action.HOLD_BACK, 600),
        (Ambiguous("x"), situation(1, committed_seconds_ago=1), Action.FAIL, 0),
    ],
)
def test_decision_follows_the_table(
    error: PublishError, where: Situation, action: Action, seconds: float
) -> None:
    assert decide(error, where, NOW) == Decision(action, NOW + timedelta(seconds=seconds))


@pytest.mark.parametrize("attempt", [1, 3, 10])
def test_rate_limit_never_ends_a_job(attempt: int) -> None:
    error = RateLimited("x", retry_at=NOW + timedelta(hours=2))
    assert decide(error, situation(attempt), NOW) == Decision(Action.HOLD_BACK, error.retry_at)


@pytest.mark.parametrize("committed", [None, NOW - timedelta(hours=1)])
def test_missing_key_uses_no_attempt_for_a_day(
    committed: datetime | None,
) -> None:
    error, last = KeyMissing("x"), Backoff("fixed", 5000, attempts=1)
    for age, action, at in (
        (timedelta(), Action.HOLD_BACK, NOW + KEY_MISSING_PAUSE),
        (2 * KEY_MISSING_PAUSE, Action.HOLD_BACK, NOW + 2 * KEY_MISSING_PAUSE),
        (OUTAGE_LIMIT, Action.HOLD_BACK, NOW + GROWING_PAUSE_MAX),
        (OUTAGE_LIMIT + timedelta(seconds=1), Action.FAIL, NOW),
    ):
        held = replace(Situation(1, last, 0, committed), same_error_since=NOW - age)
        where = replace(held, started_at=NOW - 2 * OUTAGE_LIMIT)
        assert decide(error, where, NOW) == Decision(action, at)


@pytest.mark.parametrize("seconds", [-7200, 0, 1])
def test_rate_limit_that_names_no_wait_is_not_asked_about_without_a_pause(seconds: float) -> None:
    error = RateLimited("x", retry_at=NOW + timedelta(seconds=seconds))
    assert decide(error, situation(), NOW).at == NOW + HOLD_BACK_MIN


def in_outage(opened_hours: float, started_hours: float, attempt: int = 3) -> Situation:
    """Return the situation of a job amid an outage: since when that is, and since when it tries."""
    return replace(
        situation(attempt),
        circuit_until=NOW + timedelta(seconds=60),
        circuit_opened_at=NOW - timedelta(hours=opened_hours),
        started_at=NOW - timedelta(hours=started_hours),
    )


@pytest.mark.parametrize(
    ("opened_hours", "started_hours", "action"),
    [
        (1, 1, Action.HOLD_BACK),
        (0.01, 40, Action.HOLD_BACK),  # held by a limit for a day, or retried a day later
        (40, 0.01, Action.HOLD_BACK),  # accepted in an outage that has lasted
        (25, 30, Action.FAIL),
        (30, 25, Action.FAIL),
    ],
)
def test_a_day_of_an_outage_costs_a_job_no_attempt(
    opened_hours: float, started_hours: float, action: Action
) -> None:
    assert decide(Transient("x"), in_outage(opened_hours, started_hours), NOW).action is action


def test_backoff_stops_growing_at_a_day() -> None:
    assert Backoff("exponential", 60_000, 10).after(60) == timedelta(days=1)
