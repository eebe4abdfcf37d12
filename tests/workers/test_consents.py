"""Connecting an account through a platform's consent page, from the first call to the redirect."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit, urlunsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis
from sqlalchemy.exc import OperationalError
from werkzeug.test import TestResponse

from app import create_app
from app.clock import utcnow
from app.config import Config
from app.extensions import db
from app.models import Account, Consent
from app.queues import CONNECT_QUEUE, RunQueue
from app.queues.names import CONNECT
from app.states import AccountState
from sandbox.loopback import loopback_session
from tests.databases import ON_SQLITE
from tests.platforms import Platforms
from tests.processes import Process, wait_until
from workers.accounts.consents import exchange_granted

RETURN = "https://app.example/accounts/done?tab=2"
LOGINS = [
    ("TIKTOK", ""),
    ("INSTAGRAM", "facebook"),
    ("INSTAGRAM", "instagram"),
    ("YOUTUBE", ""),
]


@pytest.fixture(autouse=True)
def surroundings(context: None, platforms: Platforms) -> Iterator[None]:
    """Every test runs in an application context, with platforms."""
    yield


@pytest.fixture
def worker(app: Flask, redis: Redis) -> Iterator[None]:
    """A thread that exchanges codes when woken, like a worker."""
    done = threading.Event()
    queue = RunQueue(CONNECT_QUEUE, redis)

    def work() -> None:
        is_woken = False
        while not done.wait(0.05):
            is_woken = is_woken or CONNECT in [job.func_name for job in queue.jobs]
            if not is_woken:
                continue
            queue.empty()
            # A busy database is retried, as by the next wake-up.
            with app.app_context(), suppress(OperationalError):
                exchange_granted()
                is_woken = False

    thread = threading.Thread(target=work)
    thread.start()
    yield
    done.set()
    thread.join()


Ask = Callable[..., str]


@pytest.fixture
def ask(client: FlaskClient, auth: Callable[..., dict[str, str]]) -> Ask:
    """Return a function that asks for a consent page's address."""

    def ask(platform: str, login_type: str = "", redirect: str = RETURN) -> str:
        query = {"redirect": redirect, **({"loginType": login_type} if login_type else {})}
        path = f"/api/accounts/{platform}/authorize?{urlencode(query)}"
        answer = client.get(path, headers=auth("alice"))
        assert answer.status_code == 200, answer.text
        assert answer.json is not None
        return str(answer.json["url"])

    return ask


def consent(url: str, **form: object) -> str:
    """Do what a person does on the page; return where the browser is sent."""
    with loopback_session() as session:
        page = session.get(url, timeout=30)
        assert page.status_code == 200, page.text
        offered = [part.split('"')[0] for part in page.text.split('name="scope" value="')[1:]]
        filled = {"account": "new", "scope": offered, "decision": "allow", **form}
        answer = session.post(url, data=filled, allow_redirects=False, timeout=30)
    assert answer.status_code == 302, answer.text
    return answer.headers["Location"]


def come_back(client: FlaskClient, address: str) -> TestResponse:
    """Follow the platform's redirect to the service, and wait there as a browser does."""
    parts = urlsplit(address)
    answers = [client.get(urlunsplit(("", "", parts.path, parts.query, "")))]

    def arrived() -> bool:
        refresh = answers[-1].headers.get("Refresh")
        if refresh is not None:
            answers.append(client.get(refresh.partition("url=")[2]))
        return refresh is None

    wait_until(arrived, "the browser is sent on")
    return answers[-1]


def result_of(answer: TestResponse) -> dict[str, str]:
    """Return what the back end's page is told."""
    assert answer.status_code == 303, answer.text
    location = answer.headers["Location"]
    assert location.startswith("https://app.example/accounts/done?tab=2&")
    return dict(parse_qsl(urlsplit(location).query))


def account_of(account_id: str) -> Account:
    db.session.expire_all()
    account = db.session.get_one(Account, account_id)
    db.session.commit()
    return account


@pytest.mark.parametrize(("platform", "login_type"), LOGINS)
def test_consent_connects_the_account(
    platform: str,
    login_type: str,
    client: FlaskClient,
    ask: Ask,
    worker: None,
    platforms: Platforms,
) -> None:
    address = consent(ask(platform, login_type))
    result = result_of(come_back(client, address))
    assert result["status"] == "connected" and result["platform"] == platform
    account = account_of(result["accountId"])
    assert (account.user_id, account.platform, account.login_type) == (
        "alice",
        platform,
        login_type,
    )
    assert account.state is AccountState.ACTIVE
    assert account.username and account.access_token and account.scopes
    assert (account.refresh_token is not None) == (platform in ("TIKTOK", "YOUTUBE"))
    # A Page's token has no end.
    assert (account.expires_at is None) == (login_type == "facebook")


@ON_SQLITE
@pytest.mark.parametrize(("platform", "login_type"), LOGINS)
def test_account_that_is_known_gets_new_tokens(
    platform: str,
    login_type: str,
    client: FlaskClient,
    ask: Ask,
    worker: None,
    platforms: Platforms,
) -> None:
    first = result_of(come_back(client, consent(ask(platform, login_type))))
    before = account_of(first["accountId"])
    token, known = before.access_token, before.platform_user_id
    again = result_of(come_back(client, consent(ask(platform, login_type), account=known)))
    assert again == first
    is_page = login_type == "facebook"  # whose token stays the same
    assert (account_of(first["accountId"]).access_token == token) == is_page


@ON_SQLITE
@pytest.mark.parametrize(("platform", "login_type"), LOGINS)
def test_user_who_refuses_is_sent_back(
    platform: str, login_type: str, client: FlaskClient, ask: Ask
) -> None:
    address = consent(ask(platform, login_type), decision="deny")
    result = result_of(come_back(client, address))
    assert (result["status"], result["error"]) == ("failed", "access_denied")
    assert db.session.query(Account).count() == 0


@ON_SQLITE
def test_account_behind_the_last_of_many_pages_is_found(
    client: FlaskClient, ask: Ask, platforms: Platforms, worker: None
) -> None:
    platforms.settings(instagram_other_pages=250)
    address = consent(ask("INSTAGRAM", "facebook"))
    assert result_of(come_back(client, address))["status"] == "connected"


@ON_SQLITE
@pytest.mark.parametrize(
    ("platform", "login_type", "kept"),
    [
        ("TIKTOK", "", ["user.info.basic"]),
        ("INSTAGRAM", "facebook", ["instagram_basic", "pages_show_list"]),
        ("INSTAGRAM", "instagram", ["instagram_business_basic"]),
        ("YOUTUBE", "", ["https://www.googleapis.com/auth/youtube.readonly"]),
        ("YOUTUBE", "", ["https://www.googleapis.com/auth/youtube.upload"]),
    ],
)
def test_permission_that_was_unticked_is_named(
    platform: str, login_type: str, kept: list[str], client: FlaskClient, ask: Ask, worker: None
) -> None:
    address = consent(ask(platform, login_type), scope=kept)
    result = result_of(come_back(client, address))
    assert result["status"] == "failed"
    assert result["message"].startswith("The user did not allow")
    assert db.session.query(Account).count() == 0


def test_state_is_good_once(client: FlaskClient, ask: Ask, worker: None) -> None:
    address = consent(ask("YOUTUBE"))
    assert result_of(come_back(client, address))["status"] == "connected"
    again = come_back(client, address)
    assert (again.status_code, again.content_type) == (400, "text/html; charset=utf-8")


def test_state_of_another_service_platform_or_time_is_refused(
    client: FlaskClient, ask: Ask, config: Config
) -> None:
    address = consent(ask("TIKTOK"))
    query = parse_qs(urlsplit(address).query)
    state = query["state"][0]
    for path in (
        "/api/accounts/TIKTOK/callback?code=abc",
        "/api/accounts/TIKTOK/callback?code=abc&state=nonsense",
        f"/api/accounts/TIKTOK/callback?code=abc&state={state[:-3]}aaa",
        f"/api/accounts/YOUTUBE/callback?code=abc&state={state}",
        f"/api/accounts/TIKTOK/callback?state={state}",
    ):
        assert client.get(path).status_code == 400, path
    db.session.query(Consent).update({"expires_at": utcnow() - timedelta(seconds=1)})
    db.session.commit()
    assert come_back(client, address).status_code == 400


@ON_SQLITE
def test_code_that_the_platform_does_not_know_is_told(
    client: FlaskClient, ask: Ask, worker: None
) -> None:
    for platform, login_type in LOGINS:
        address = consent(ask(platform, login_type))
        state = parse_qs(urlsplit(address).query)["state"][0]
        path = f"/api/accounts/{platform}/callback?code=guessed&state={state}"
        answer = come_back(client, path)
        result = result_of(answer)
        assert result["status"] == "failed" and result["error"] and result["message"]


@ON_SQLITE
def test_code_refused_in_the_words_of_instagram_login_is_told_in_them(
    client: FlaskClient, ask: Ask, worker: None, platforms: Platforms
) -> None:
    words = "Matching code was not found or was already used"
    body = {"error_type": "OAuthException", "code": 400, "error_message": words}
    platforms.fault("INSTAGRAM", "error", call="instagram.token", status=400, body=body)
    result = result_of(come_back(client, consent(ask("INSTAGRAM", "instagram"))))
    assert (result["status"], result["error"]) == ("failed", "OAuthException")
    assert result["message"].startswith(words)


def test_code_is_worth_nothing_without_the_verifier(
    client: FlaskClient, ask: Ask, worker: None
) -> None:
    """A stolen YouTube code is of no use in another consent."""
    stolen = parse_qs(urlsplit(consent(ask("YOUTUBE"))).query)["code"][0]
    own = parse_qs(urlsplit(consent(ask("YOUTUBE"))).query)["state"][0]
    path = f"/api/accounts/YOUTUBE/callback?code={stolen}&state={own}"
    answer = come_back(client, path)
    assert result_of(answer)["error"] == "invalid_grant"


def test_browser_waits_on_a_page_while_nobody_exchanges(
    app: Flask, client: FlaskClient, ask: Ask
) -> None:
    parts = urlsplit(consent(ask("TIKTOK")))
    answer = client.get(f"{parts.path}?{parts.query}")
    assert answer.status_code == 200
    assert "code" not in answer.headers["Refresh"]
    exchange_granted()
    address = answer.headers["Refresh"].partition("url=")[2]
    assert result_of(client.get(address))["status"] == "connected"


def test_without_a_redirect_the_user_is_shown_a_page(
    client: FlaskClient, ask: Ask, worker: None
) -> None:
    answer = come_back(client, consent(ask("TIKTOK", redirect="")))
    assert (answer.status_code, answer.content_type) == (200, "text/html; charset=utf-8")
    assert "Your TikTok account is connected" in answer.text
    refused = come_back(client, consent(ask("TIKTOK", redirect=""), decision="deny"))
    assert refused.status_code == 400


@ON_SQLITE
@pytest.mark.parametrize(
    "target",
    [
        "https://evil.example/accounts",
        "https://app.example/accountsevil",
        "https://app.example/accounts/../evil",
        "https://app.example/accounts/%2e%2e/evil",
        "https://app.example@evil.example/accounts",
        "https://app.example:444/accounts",
        "http://app.example/accounts",
        "//app.example/accounts",
        "https:/\\evil.example/accounts",
        "https://app.example\\.evil.example/accounts",
        "javascript:alert(1)",
        "/accounts",
    ],
)
def test_browser_is_sent_nowhere_else(
    target: str, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    path = f"/api/accounts/TIKTOK/authorize?{urlencode({'redirect': target})}"
    answer = client.get(path, headers=auth("alice"))
    assert answer.status_code == 400
    assert answer.json is not None and list(answer.json["errors"]) == ["redirect"]


def test_what_is_missing_is_named(
    config: Config, client: FlaskClient, auth: Callable[..., dict[str, str]]
) -> None:
    headers = auth("alice")
    assert client.get("/api/accounts/VIMEO/authorize", headers=headers).status_code == 404
    wrong = client.get("/api/accounts/TIKTOK/authorize?loginType=facebook", headers=headers)
    assert wrong.json is not None and list(wrong.json["errors"]) == ["loginType"]
    assert client.get("/api/accounts/TIKTOK/authorize").status_code == 401
    app = create_app(replace(config, tiktok_client_key="", tiktok_client_secret=""))
    answer = app.test_client().get("/api/accounts/TIKTOK/authorize", headers=headers)
    assert answer.status_code == 409 and "TIKTOK_CLIENT_KEY" in answer.text
    with app.app_context():
        db.engine.dispose()
    app.extensions["redis"].close()


def test_nothing_secret_is_stored_in_plain_or_kept(
    client: FlaskClient, ask: Ask, worker: None
) -> None:
    address = consent(ask("YOUTUBE"))
    code = parse_qs(urlsplit(address).query)["code"][0]
    result_of(come_back(client, address))
    with db.engine.connect() as connection:
        for table in ("consents", "accounts"):
            rows = connection.exec_driver_sql(f"SELECT * FROM {table}").all()
            assert rows and code not in str(rows) and "ya29." not in str(rows)
        [(left, verifier)] = connection.exec_driver_sql("SELECT code, verifier FROM consents")
        assert (left, verifier) == (None, None)


@ON_SQLITE
def test_worker_process_does_it_when_the_browser_comes_back(
    client: FlaskClient, ask: Ask, config: Config, tmp_path: Path
) -> None:
    with Process("workers.worker", replace(config, worker_concurrency=1), tmp_path / "log"):
        answer = come_back(client, consent(ask("TIKTOK")))
        assert result_of(answer)["status"] == "connected"
