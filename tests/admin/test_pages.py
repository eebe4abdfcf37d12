"""The operator's pages: access, content, and no injected markup."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from urllib.parse import parse_qs, urlsplit

import pytest
from flask import Flask
from flask.testing import FlaskClient
from redis import Redis

from app import create_app
from app.admin.guard import POLICY
from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.extensions import db
from app.failures import Category, Failure
from app.ids import new_id
from app.limits import circuits
from app.limits.circuits import Evidence
from app.models import Account, SchedulerTerm, WorkerProcess
from app.publishing import outcomes, pausing, steer
from app.publishing.claims import claim_next
from app.states import AccountState
from tests.admin.conftest import Operator, basic, dead_notification, fail
from tests.factories import make_account, make_job, make_video

pytestmark = pytest.mark.usefixtures("context")
PATHS = ("", "/", "/attention", "/jobs", "/limits")
STRANGERS = (
    {},
    basic("operator", "wrong"),
    *(
        {"Authorization": words}
        for words in (
            "Bearer test-key",
            "Basic é",
            "Basic /w==",
            "Basic",
            'Digest username="operator"',
        )
    ),
)
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>\"'"


def test_every_page_is_for_the_operator_alone(client: FlaskClient) -> None:
    for path in (*PATHS, f"/jobs/{'0' * 26}", "/static/admin.css"):
        for headers in STRANGERS:
            answer = client.get(f"/admin{path}", headers=headers)
            assert answer.status_code == 401, path
            assert answer.headers["WWW-Authenticate"].startswith("Basic ")


def test_pages_load_nothing_from_elsewhere_and_nothing_inline(operator: Operator) -> None:
    fail()
    dead_notification()
    for path in PATHS:
        answer = operator.get(path)
        assert answer.status_code == 200
        assert answer.headers["Content-Security-Policy"] == POLICY
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "style=" not in answer.text and "<style" not in answer.text
        assert not re.search(r"\son[a-z]+=", answer.text)
        assert re.findall(r"<script(?! src=)", answer.text) == []
        for address in re.findall(r'(?:src|rel="stylesheet" href)="([^"]+)"', answer.text):
            assert address.startswith("/admin/static/")


def test_files_are_kept_by_the_browser_pages_are_not(operator: Operator) -> None:
    [address] = re.findall(r'href="(/admin/static/admin.css[^"]+)"', operator.page())
    with operator.client.get(address, headers=basic()) as answer:
        assert "immutable" in answer.headers["Cache-Control"]


def test_the_overview_of_an_idle_service_says_what_is_missing(operator: Operator) -> None:
    page = operator.page()
    assert "No scheduler leads" in page and "No worker serves TikTok" in page
    for window in ("1h", "24h", "7d"):
        assert "Went live" in operator.page(window=window)


def test_the_overview_shows_who_is_at_work(operator: Operator) -> None:
    now = utcnow()
    with transaction() as session:
        session.add(
            WorkerProcess(
                id=new_id(),
                host="host-1",
                platforms="TIKTOK,INSTAGRAM,YOUTUBE",
                concurrency=5,
                started_at=now,
                seen_at=now,
            )
        )
        session.add(
            SchedulerTerm(name="leader", number=7, renewals=1, holder="HOLDER", renewed_at=now)
        )
    page = operator.page()
    assert "host-1" in page and "HOLDER" in page and "one leads" in page
    assert "No worker serves" not in page


def test_the_overview_counts_what_ended_and_what_waits(operator: Operator) -> None:
    now = utcnow()
    fail()
    job = make_job("YOUTUBE", due_at=now)
    claim = claim_next("YOUTUBE", now)
    assert claim is not None and claim.job_id == job.id
    outcomes.complete(claim, now, platform_post_id="abc", url=None)
    make_job("INSTAGRAM", due_at=now + timedelta(days=1))
    page = operator.page()
    assert "1 in 24h" in page
    assert re.search(r'state=delayed"?>1</a>', page)
    # It is in no queue yet, so the page says where it is.
    assert "Queues hold what is due within 30 min." in page
    assert '<a href="/admin/jobs?state=delayed">All scheduled posts</a>' in page
    assert "1 job with an unknown outcome" in page


def test_the_overview_shows_an_open_circuit_and_a_pause(operator: Operator) -> None:
    now = utcnow()
    with transaction() as session:
        for number in range(5):
            circuits.record_evidence(session, "TIKTOK", f"job-{number}", Evidence(False), now)
    pausing.pause("YOUTUBE", now)
    page = operator.page()
    assert "circuit open" in page and "5 failures in a row" in page
    assert "Resume YouTube" in page and "Pause YouTube" not in page


def test_without_redis_the_overview_still_shows(config: Config, redis: Redis) -> None:
    app = create_app(replace(config, redis_url="redis://127.0.0.1:9"))
    page = app.test_client().get("/admin", headers=basic())
    assert page.status_code == 200 and "Redis does not respond" in page.text
    with app.app_context():
        db.engine.dispose()
    app.extensions["redis"].close()


def test_attention_shows_what_needs_a_person(operator: Operator) -> None:
    make_account("INSTAGRAM", "bob", username="bob.films")
    with transaction() as session:
        account = session.query(Account).filter_by(username="bob.films").one()
        account.state, account.state_reason = AccountState.RECONNECT_REQUIRED, "Consent withdrawn"
    found = dead_notification()
    page = operator.page("/attention")
    assert found.subject_id in page and "It is not live" in page
    assert "bob.films" in page and "Consent withdrawn" in page
    assert "HTTP 502" in page and f"/admin/notifications/{found.id}/redeliver" in page


def test_attention_has_pages(operator: Operator) -> None:
    account, video = make_account("YOUTUBE"), make_video()
    ids = [fail("YOUTUBE", account=account, video=video) for _ in range(22)]
    page = operator.page("/attention")
    assert ids[-1] in page and ids[0] not in page
    [link] = re.findall(r'rel="next" href="/admin/attention([^"#]+)', page)
    query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    older = operator.page("/attention", **query)
    assert ids[0] in older and ids[-1] not in older


def test_search_finds_by_every_name(operator: Operator) -> None:
    now = utcnow()
    account = make_account("YOUTUBE", "carol", username="carol.cooks")
    video = make_video("carol")
    job = make_job("YOUTUBE", account=account, video=video, due_at=now)
    other = make_job("TIKTOK")
    claim = claim_next("YOUTUBE", now)
    assert claim is not None
    outcomes.complete(
        claim, now, platform_post_id="dQw4w9WgXcQ", url="https://youtu.be/dQw4w9WgXcQ"
    )
    for text in (
        job.id,
        job.id.lower(),
        "carol",
        video.id,
        "dQw4w9WgXcQ",
        "carol.cooks",
        "@carol.cooks",
        " carol ",
    ):
        page = operator.page("/jobs", q=text)
        assert job.id in page and other.id not in page, text
    for text in ("nobody", "0" * 26, "%", "😀", "' OR 1=1 --"):
        assert "No jobs found" in operator.page("/jobs", q=text), text


def test_search_filters_by_state_and_platform(operator: Operator) -> None:
    now = utcnow()
    failed = fail("TIKTOK")
    waiting = make_job("TIKTOK", due_at=now - timedelta(seconds=1)).id
    delayed = make_job("YOUTUBE", due_at=now + timedelta(days=1)).id
    cancelled = make_job("INSTAGRAM", due_at=now).id
    steer.cancel(cancelled, now)
    by_state = {"failed": failed, "waiting": waiting, "delayed": delayed, "cancelled": cancelled}
    everything = set(by_state.values())
    for state, job_id in by_state.items():
        page = operator.page("/jobs", state=state)
        assert {one for one in everything if one in page} == {job_id}, state
    assert "No jobs found" in operator.page("/jobs", state="active")
    assert "No jobs found" in operator.page("/jobs", state="completed")
    page = operator.page("/jobs", platform="TIKTOK", state="", q="alice")
    assert {one for one in everything if one in page} == {failed, waiting}


def test_search_has_pages(operator: Operator) -> None:
    account, video = make_account(), make_video()
    ids = [make_job(account=account, video=video).id for _ in range(60)]
    seen: list[str] = []
    query: dict[str, str] = {"q": "alice"}
    for _ in range(3):
        page = operator.page("/jobs", **query)
        seen += re.findall(r'href="/admin/jobs/(\w{26})"', page)
        links = re.findall(r'rel="next" href="/admin/jobs([^"]+)', page)
        if links:
            link = links[0].replace("&amp;", "&")
            query = {name: values[0] for name, values in parse_qs(urlsplit(link).query).items()}
    assert links == [] and seen == ids[::-1]


def test_a_query_that_is_wrong_is_refused_by_name(operator: Operator) -> None:
    for path, named in (
        ("/jobs?state=nothing", "state"),
        ("/jobs?platform=MYSPACE", "platform"),
        ("/jobs?cursor=x", "cursor"),
        ("/jobs?nonsense=1", "nonsense"),
        (f"/jobs?q={'x' * 256}", "q"),
        ("/jobs?q=%00", "q"),
        ("/?window=2y", "window"),
        ("/attention?dead=x", "dead"),
        (f"/limits?q={'x' * 256}", "q"),
    ):
        answer = operator.get(path)
        assert answer.status_code == 400, path
        assert answer.content_type.startswith("text/html") and f"{named}: " in answer.text


def test_a_job_that_is_not_there_is_a_404(operator: Operator) -> None:
    for job_id in ("x", "0" * 26, "%00", "é" * 26):
        answer = operator.get(f"/jobs/{job_id}")
        assert answer.status_code == 404 and "There is no such job" in answer.text


def test_a_job_s_page_tells_its_story(operator: Operator) -> None:
    now = utcnow()
    job = make_job("TIKTOK", due_at=now, caption="Breakfast")
    claim = claim_next("TIKTOK", now)
    assert claim is not None
    cut = Failure("cut", Category.NETWORK, "The connection was cut")
    outcomes.try_again(claim, cut, now + timedelta(minutes=5), now)
    page = operator.page(f"/jobs/{job.id}")
    for words in ("Breakfast", "attempt 1", "wait: backoff", "The connection was cut", "delayed"):
        assert words in page
    assert page.count("<rect") == 4 and page.count("<circle") == 1
    assert "/cancel" in page and "/retry" not in page and "/resolve" not in page


def test_buttons_are_those_that_the_state_allows(operator: Operator) -> None:
    now = utcnow()
    ambiguous, failed = fail(), fail(category="video")
    assert "/resolve" in (page := operator.page(f"/jobs/{ambiguous}")) and "/retry" not in page
    assert "/retry" in (page := operator.page(f"/jobs/{failed}")) and "/resolve" not in page
    done = make_job("YOUTUBE", due_at=now)
    claim = claim_next("YOUTUBE", now)
    assert claim is not None
    outcomes.complete(claim, now, platform_post_id="abc", url="javascript:alert(1)")
    page = operator.page(f"/jobs/{done.id}")
    assert not any(f"/{done.id}/{name}" in page for name in ("cancel", "retry", "resolve"))
    assert "abc" in page and 'href="javascript:' not in page


def test_nothing_of_a_user_is_live_in_a_page(operator: Operator) -> None:
    account = make_account("TIKTOK", "mallory", username=HOSTILE)
    with transaction() as session:
        row = session.get_one(Account, account.id)
        row.state, row.state_reason = AccountState.RECONNECT_REQUIRED, HOSTILE
    video = make_video("mallory", title=HOSTILE)
    now = utcnow()
    job = make_job("TIKTOK", account=account, video=video, caption=HOSTILE, hashtags=[HOSTILE])
    claim = claim_next("TIKTOK", now + timedelta(seconds=1))
    assert claim is not None
    outcomes.fail(claim, Failure("x", Category.AMBIGUOUS, HOSTILE, HOSTILE), now)
    pages = [
        operator.page(f"/jobs/{job.id}"),
        operator.page("/attention"),
        operator.page("/jobs"),
        operator.page("/jobs", q=HOSTILE),
        operator.page("/limits", q=HOSTILE),
        operator.page(),
    ]
    for page in pages:
        assert "<script>alert" not in page and "<img src=x" not in page
    assert all("&lt;script&gt;alert(1)" in page for page in pages[:5])


def test_limits_show_what_is_used_and_when_there_is_more(operator: Operator) -> None:
    now = utcnow()
    account = make_account("TIKTOK", "dora", username="dora")
    make_job("TIKTOK", account=account, due_at=now)
    assert claim_next("TIKTOK", now) is not None
    for page in (operator.page("/limits"), operator.page("/limits", q="dora")):
        assert "1 of 15" in page and re.search("in (23 h|1 d)<", page)
    assert "1 of 3" in page  # the upload under way
    assert "0 of 100" in page  # YouTube's day
    assert ">None.<" in operator.page("/limits", q="nobody")


def test_no_token_of_an_account_shows(operator: Operator) -> None:
    account = make_account("TIKTOK", access_token="act.SECRET", refresh_token="rft.SECRET")
    job = make_job("TIKTOK", account=account)
    for path in ("/limits?q=alice", f"/jobs/{job.id}", "/jobs?q=alice"):
        assert "SECRET" not in operator.get(path).text


def test_the_pages_are_described_nowhere(app: Flask, client: FlaskClient) -> None:
    assert "/admin" not in client.get("/api/openapi.json").text
