"""Tokens: refreshed in time, by one worker at a time, and never lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta

import psycopg
import pytest
from flask import Flask

from app.accounts.disconnect import disconnect_account
from app.clock import utcnow
from app.extensions import db
from app.failures import Category, Failure
from app.models import Account
from app.publishing.reconnecting import require_reconnect
from app.states import AccountState
from tests.factories import make_account
from workers.accounts import stored_tokens, tokens
from workers.errors import AccountRefused, NetworkFailure, PublishError
from workers.platforms.base import Access, Api, Context, Handler, Tokens, Upload
from workers.platforms.connecting import ConnectedAccount, Grant
from workers.platforms.counting import Counts, ReadContext
from workers.platforms.results import Processing, Published
from workers.stopping import stop_requested

pytestmark = pytest.mark.usefixtures("context")


class OAuthOnly(Handler[Upload]):
    """A platform that can only refresh tokens, and counts the refreshes."""

    upload_type = Upload

    def __init__(
        self, error: PublishError | None = None, meanwhile: Callable[[], None] = lambda: None
    ) -> None:
        super().__init__(Api(url=""))
        self.asked: list[str | None] = []
        self._error = error
        self._meanwhile = meanwhile

    def refresh(self, access: Access, refresh_token: str | None) -> Tokens:
        self.asked.append(refresh_token)
        self._meanwhile()
        if self._error is not None:
            raise self._error
        count = len(self.asked)
        return Tokens(f"fresh-{count}", utcnow() + timedelta(hours=1), f"rotated-{count}")

    def check_access(self, reader: ReadContext) -> None:
        raise AssertionError("not asked for here")

    def open(self, context: Context) -> Upload:
        raise AssertionError("not asked for here")

    def send(self, context: Context, upload: Upload) -> Upload:
        raise AssertionError("not asked for here")

    def poll(self, context: Context, upload: Upload) -> Processing:
        raise AssertionError("not asked for here")

    def follow_up(self, context: Context, upload: Upload, post_id: str | None) -> Published:
        raise AssertionError("not asked for here")

    def connect(self, grant: Grant) -> Sequence[ConnectedAccount]:
        raise AssertionError("not asked for here")

    def count(self, reader: ReadContext, post_ids: Sequence[str]) -> Mapping[str, Counts]:
        raise AssertionError("not asked for here")


def stored(account: Account) -> Account:
    """Read an account's row again."""
    found = db.session.get_one(Account, account.id, populate_existing=True)
    db.session.commit()
    return found


def soon() -> datetime:
    """An expiry too near to start an upload with."""
    return utcnow() + timedelta(minutes=4)


def test_good_token_is_used_as_it_is() -> None:
    handler, account = OAuthOnly(), make_account()
    assert tokens.access_for(handler, account.id).token == account.access_token
    assert handler.asked == []


def test_token_near_its_end_is_replaced_and_both_tokens_stored() -> None:
    handler = OAuthOnly()
    account = make_account(expires_at=soon(), refresh_token="first")
    assert tokens.access_for(handler, account.id).token == "fresh-1"
    assert handler.asked == ["first"]
    assert (stored(account).access_token, stored(account).refresh_token) == ("fresh-1", "rotated-1")


@pytest.mark.parametrize("seconds_left", [-3600, 60, 3600])
def test_token_that_another_worker_stored_is_used_only_while_it_lives(seconds_left: int) -> None:
    """An upload of hours outlives more than the token it began with."""
    handler = OAuthOnly()
    account = make_account(
        access_token="theirs", expires_at=utcnow() + timedelta(seconds=seconds_left)
    )
    renewal = tokens.refresh(handler, account.id, stale_token="ours")
    is_alive = seconds_left == 3600
    assert renewal.access.token == ("theirs" if is_alive else "fresh-1")
    assert renewal.is_new is not is_alive
    assert stored(account).access_token == renewal.access.token


def test_token_that_another_worker_stored_and_that_ended_is_refreshed_by_one(app: Flask) -> None:
    handler = OAuthOnly()
    account = make_account(access_token="theirs", expires_at=utcnow() - timedelta(seconds=1))
    start, got = threading.Barrier(4), []

    def work() -> None:
        start.wait()
        with app.app_context():
            got.append(tokens.refresh(handler, account.id, stale_token="ours"))

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {one.access.token for one in got} == {"fresh-1"}
    assert [one.is_new for one in got].count(True) == 1


def test_workers_at_once_refresh_once(app: Flask) -> None:
    handler = OAuthOnly()
    account = make_account(expires_at=soon())
    start, got = threading.Barrier(6), []

    def work() -> None:
        start.wait()
        with app.app_context():
            got.append(tokens.access_for(handler, account.id).token)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert got == ["fresh-1"] * 6
    assert len(handler.asked) == 1


def test_lease_of_a_dead_worker_expires() -> None:
    handler = OAuthOnly()
    account = make_account(expires_at=soon(), refreshing_until=utcnow() - timedelta(seconds=1))
    assert tokens.access_for(handler, account.id).token == "fresh-1"


def test_refused_refresh_marks_the_account_once() -> None:
    handler = OAuthOnly(AccountRefused("invalid_grant", "revoked", reconnect=True))
    account = make_account(expires_at=soon())
    for _ in range(2):
        with pytest.raises(AccountRefused):
            tokens.access_for(handler, account.id)
    assert stored(account).state is AccountState.RECONNECT_REQUIRED
    assert stored(account).refreshing_until is None
    assert len(handler.asked) == 1


def test_refresh_ahead_that_fails_costs_nothing() -> None:
    handler = OAuthOnly(NetworkFailure("read_timeout"))
    account = make_account(expires_at=soon())
    assert tokens.access_for(handler, account.id).token == account.access_token


def test_expired_token_whose_refresh_fails_is_an_error() -> None:
    handler = OAuthOnly(NetworkFailure("read_timeout"))
    account = make_account(expires_at=utcnow() - timedelta(seconds=1))
    with pytest.raises(NetworkFailure):
        tokens.access_for(handler, account.id)


def test_instagram_login_token_is_renewed_after_a_week() -> None:
    handler = OAuthOnly()
    young = make_account(
        "INSTAGRAM", login_type="instagram", expires_at=utcnow() + timedelta(days=59)
    )
    tokens.access_for(handler, young.id)
    assert handler.asked == []
    older = make_account(
        "INSTAGRAM", login_type="instagram", expires_at=utcnow() + timedelta(days=52)
    )
    assert tokens.access_for(handler, older.id).token == "fresh-1"


def test_facebook_login_token_is_never_refreshed_ahead() -> None:
    handler = OAuthOnly()
    account = make_account("INSTAGRAM", login_type="facebook", expires_at=soon())
    tokens.access_for(handler, account.id)
    assert handler.asked == []


def connect_again(account: Account, token: str) -> Callable[[], None]:
    """Return what its owner does while a worker asks for fresh tokens."""

    def connect() -> None:
        found = db.session.get_one(Account, account.id, populate_existing=True)
        found.access_token = token
        db.session.commit()

    return connect


def test_refusal_of_an_old_token_says_nothing_of_an_account_connected_again() -> None:
    account = make_account(expires_at=soon())
    refusal = AccountRefused("invalid_grant", "revoked", reconnect=True)
    handler = OAuthOnly(refusal, meanwhile=connect_again(account, "new"))
    assert tokens.access_for(handler, account.id).token == "new"
    assert stored(account).state is AccountState.ACTIVE
    assert tokens.access_for(OAuthOnly(), account.id).token == "fresh-1"


def test_account_disconnected_during_a_refresh_stays_without_tokens() -> None:
    account = make_account(expires_at=soon())

    def disconnect() -> None:
        assert disconnect_account("alice", account.id, utcnow())

    with pytest.raises(AccountRefused):
        tokens.access_for(OAuthOnly(meanwhile=disconnect), account.id)
    assert (stored(account).access_token, stored(account).refresh_token) == (None, None)


def test_expired_lease_does_not_end_the_next_ones() -> None:
    account = make_account(expires_at=soon())
    theirs = utcnow() + timedelta(seconds=77)

    def overtake() -> None:
        db.session.get_one(Account, account.id, populate_existing=True).refreshing_until = theirs
        db.session.commit()

    tokens.access_for(OAuthOnly(meanwhile=overtake), account.id)
    assert stored(account).refreshing_until == theirs


@pytest.mark.parametrize("told_to_end", [False, True])
def test_fresh_tokens_outlive_an_absence_of_the_database(
    app: Flask, monkeypatch: pytest.MonkeyPatch, told_to_end: bool
) -> None:
    """The platform has revoked the old refresh token by then. Only a process that must end gives
    up."""
    url = db.engine.url
    if url.get_backend_name() == "sqlite":
        pytest.skip("a file does not restart")
    monkeypatch.setattr(stored_tokens, "LAST_STORE_SECONDS", 30.0 if told_to_end else 0.0)
    account = make_account(expires_at=soon())
    elsewhere = url.set(drivername="postgresql", database="postgres")

    def allow(word: str) -> None:
        with psycopg.connect(
            elsewhere.render_as_string(hide_password=False), autocommit=True
        ) as server:
            server.execute(f"ALTER DATABASE {url.database} ALLOW_CONNECTIONS {word}".encode())
            server.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                [url.database],
            )

    back = threading.Timer(1.5, allow, ["true"])

    def go_away() -> None:
        allow("false")
        back.start()
        if told_to_end:
            stop_requested.set()

    try:
        assert tokens.access_for(OAuthOnly(meanwhile=go_away), account.id).token == "fresh-1"
    finally:
        stop_requested.clear()
        back.join()
    assert stored(account).refresh_token == "rotated-1"


def test_account_refused_by_its_old_token_meanwhile_is_active_again() -> None:
    """Another worker may come first when the database is back, with the token that is over."""
    account = make_account(expires_at=soon())

    def refused_elsewhere() -> None:
        failure = Failure("invalid_grant", Category.ACCOUNT, "the token is over")
        require_reconnect(account.id, failure, utcnow(), refused_token=account.access_token or "")

    tokens.access_for(OAuthOnly(meanwhile=refused_elsewhere), account.id)
    assert stored(account).state is AccountState.ACTIVE
    assert stored(account).state_reason == ""


def test_refusal_after_an_expired_lease_waits_for_the_tokens_of_its_holder(app: Flask) -> None:
    """That worker has them, and had no database to store them in."""
    lease_over = utcnow() - timedelta(seconds=1)
    account = make_account(expires_at=soon(), refreshing_until=lease_over)
    refused = AccountRefused("invalid_grant", "the token is over", reconnect=True)

    def store() -> None:
        with app.app_context():
            overtaken = db.session.get_one(Account, account.id)
            overtaken.access_token = "theirs"
            db.session.commit()

    holder = threading.Timer(0.5, store)
    try:
        handler = OAuthOnly(refused, meanwhile=holder.start)
        assert tokens.access_for(handler, account.id).token == "theirs"
    finally:
        holder.join()
    assert stored(account).state is AccountState.ACTIVE
    assert stored(account).refreshing_until is None


def test_refusal_after_the_lease_of_a_dead_worker_is_believed_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(tokens, "OVERTAKEN_SECONDS", 0.5)
    account = make_account(expires_at=soon(), refreshing_until=utcnow() - timedelta(seconds=1))
    refused = AccountRefused("invalid_grant", "the token is over", reconnect=True)
    with pytest.raises(AccountRefused, match="the token is over"):
        tokens.access_for(OAuthOnly(refused), account.id)
    assert stored(account).state is AccountState.RECONNECT_REQUIRED


def test_early_refresh_that_is_refused_costs_no_post_while_the_token_lives() -> None:
    """A refusal that says nothing of the grant, such as a block page of a gateway."""
    account = make_account(expires_at=soon())
    refused = AccountRefused("http_403", "the platform refused", reconnect=False)
    assert tokens.access_for(OAuthOnly(refused), account.id).token == account.access_token


def test_early_refresh_of_an_account_that_is_disconnected_meanwhile_is_no_access() -> None:
    account = make_account(expires_at=soon())
    gone = NetworkFailure("read_timeout", "the connection broke")

    def disconnect() -> None:
        disconnect_account("alice", account.id, utcnow())

    with pytest.raises(AccountRefused, match="no longer connected"):
        tokens.access_for(OAuthOnly(gone, meanwhile=disconnect), account.id)
