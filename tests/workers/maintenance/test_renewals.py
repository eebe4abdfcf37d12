"""Scheduled renewal of tokens."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from redis import Redis
from sqlalchemy import update

from app.accounts.connect import Connection, connect_account
from app.accounts.renewal import renewal_time
from app.clock import utcnow
from app.crypto import Cipher
from app.database.transaction import transaction
from app.models import Account
from app.queues import BACKGROUND_QUEUE, RunQueue
from app.states import AccountState
from tests.platforms import Platforms
from tests.workers.conftest import connect
from workers.maintenance.renewals import is_any_to_renew, renew_due
from workers.scheduling.periodic import queue_periodic

pytestmark = pytest.mark.usefixtures("context")
NOW = datetime(2026, 11, 26, 12, 0, tzinfo=timezone.utc)
DAY = timedelta(days=1)


def stored(account: Account) -> Account:
    """Read an account's row again."""
    with transaction() as session:
        return session.get_one(Account, account.id, populate_existing=True)


def due(account: Account) -> None:
    """Make the account's token a week old."""
    with transaction() as session:
        session.get_one(Account, account.id).renew_at = utcnow()


@pytest.mark.parametrize(
    ("login_type", "left", "expected"),
    [
        ("instagram", 60 * DAY, NOW + 7 * DAY),
        ("instagram", None, NOW + 7 * DAY),
        # Never on its first day, however short it lives.
        ("instagram", 20 * DAY, NOW + DAY),
        ("facebook", 60 * DAY, None),
        ("", DAY, None),
    ],
)
def test_the_calendar(login_type: str, left: timedelta | None, expected: datetime | None) -> None:
    assert renewal_time(login_type, NOW + left if left else None, NOW) == expected


def test_a_connected_account_gets_its_day() -> None:
    account, _ = connect_account(
        Connection("alice", "INSTAGRAM", "17", "t", None, NOW + 60 * DAY, "a", "instagram"), NOW
    )
    assert account.renew_at == NOW + 7 * DAY


@pytest.mark.parametrize(
    ("left", "wait"), [(20 * DAY, 0 * DAY), (DAY / 2, 0 * DAY), (55 * DAY, 2 * DAY)]
)
def test_a_token_handed_in_old_is_renewed_before_it_expires(
    left: timedelta, wait: timedelta
) -> None:
    connection = Connection("alice", "INSTAGRAM", "17", "t", None, NOW + left, "a", "instagram")
    account, _ = connect_account(connection, NOW)
    assert account.renew_at == NOW + wait


def test_a_token_of_instagram_login_is_renewed_weekly(platforms: Platforms, redis: Redis) -> None:
    account = connect(platforms, "INSTAGRAM", login_type="instagram", token_age_seconds=2 * 86400)
    before = account.access_token
    due(account)
    assert is_any_to_renew(utcnow())
    queue_periodic(utcnow())
    assert RunQueue(BACKGROUND_QUEUE, redis).count == 1
    renew_due()
    after = stored(account)
    assert after.access_token != before and after.renew_at is not None
    assert after.renew_at > utcnow() + 6 * DAY
    assert not is_any_to_renew(utcnow())


def test_a_renewal_that_failed_is_put_off(platforms: Platforms) -> None:
    account = connect(platforms, "INSTAGRAM", login_type="instagram", token_age_seconds=2 * 86400)
    due(account)
    platforms.fault("INSTAGRAM", "error", call="instagram.token", status=500)
    renew_due()
    after = stored(account)
    assert after.access_token == account.access_token and after.state is AccountState.ACTIVE
    assert after.renew_at is not None and after.renew_at > utcnow()


def test_tokens_of_others_are_left_alone(platforms: Platforms) -> None:
    accounts = [connect(platforms, name) for name in ("TIKTOK", "INSTAGRAM", "YOUTUBE")]
    for account in accounts:
        due(account)
    renew_due()
    assert [stored(one).access_token for one in accounts] == [one.access_token for one in accounts]


def test_token_that_no_key_decrypts_holds_up_no_other(app: Flask, platforms: Platforms) -> None:
    good = connect(platforms, "INSTAGRAM", login_type="instagram", token_age_seconds=2 * 86400)
    old = good.access_token
    cipher = app.extensions["cipher"]
    app.extensions["cipher"] = Cipher([Fernet.generate_key().decode()])
    lost_id = connect(
        platforms, "INSTAGRAM", login_type="instagram", token_age_seconds=2 * 86400
    ).id
    app.extensions["cipher"] = cipher
    with transaction() as session:
        for account_id, minutes in ((lost_id, 2), (good.id, 1)):
            values = {"renew_at": utcnow() - timedelta(minutes=minutes)}
            session.execute(update(Account).where(Account.id == account_id).values(**values))
    renew_due()
    assert stored(good).access_token != old
    assert not is_any_to_renew(utcnow())
