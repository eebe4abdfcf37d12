"""The operator's pages in a real browser: light and dark, wide and narrow, buttons pressed."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis
from rq import Worker

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.metrics.figures import Figures
from app.metrics.rollup import HOUR_SECONDS, bucket_start
from app.models import Gate, Notification, PublishJob, Tally
from app.queues import Run, RunQueue
from app.schemas.examples import VIDEO_ID
from app.states import JobState, NotificationState
from tests.admin.browser import CHROMIUM, Browser
from tests.admin.conftest import basic, dead_notification, fail
from tests.admin.test_queues import QUEUE, add_failed_run
from tests.app.web import free_port, running_web
from tests.databases import ON_POSTGRES
from tests.factories import make_account, make_job, make_video
from tests.processes import wait_until

# One database: what is tested here is what the browser makes of the pages.
pytestmark = [
    ON_POSTGRES,
    pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine"),
]
LOOKS = [(1280, False), (1280, True), (390, False), (390, True)]
HOSTILE = "<img src=x onerror=\"document.title='live'\"><script>document.title='live'</script>"
COLOURS = """(canvas) => {
  const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
  return new Set(new Uint32Array(data.buffer)).size > 3;
}"""
NAMELESS = """[...document.querySelectorAll(
  "input:not([type=hidden]), select, button, progress, canvas, a"
)].filter((one) => !(one.labels && one.labels.length) && !one.ariaLabel
  && !one.textContent.trim() && !one.querySelector("img[alt]")).map((one) => one.outerHTML)"""
TEXT = "document.body.innerText"
BUTTON = "[...document.querySelectorAll('button')].find((one) => one.textContent === '%s')"
LINK_TO_JOBS = "[...document.querySelectorAll('nav a')].find((one) => one.innerText === 'Jobs')"


@pytest.fixture
def config(config: Config) -> Config:
    """Settings with a port of their own."""
    port = free_port()
    return replace(config, port=port, public_url=f"http://127.0.0.1:{port}")


@pytest.fixture
def ambiguous(context: Flask) -> str:
    """A day with posts and failures, a job that waits, and one that needs a person."""
    hour = bucket_start(utcnow() - timedelta(hours=3), HOUR_SECONDS)
    with transaction() as session:
        for platform in ("TIKTOK", "INSTAGRAM", "YOUTUBE"):
            figures = Figures(completed=12, failed=2)
            session.add(
                Tally(
                    seconds=HOUR_SECONDS, start_at=hour, platform=platform, figures=figures.dump()
                )
            )
    return fail(caption=HOSTILE)


@pytest.fixture
def browser(config: Config, ambiguous: str, tmp_path: Path) -> Iterator[Browser]:
    """A browser with the operator's password, and the web process it looks at."""
    with (
        running_web(config, tmp_path / "web.log"),
        Browser(tmp_path / "profile", basic()) as browser,
    ):
        yield browser


def is_drawn(browser: Browser) -> bool:
    """Tell whether every plot has more than one colour in it."""
    return bool(browser.run(f"[...document.querySelectorAll('canvas')].every({COLOURS})"))


def test_pages_look_right_and_complain_of_nothing(
    browser: Browser, config: Config, ambiguous: str, tmp_path: Path
) -> None:
    paths = ["", "/attention", "/jobs", f"/jobs/{ambiguous}", "/limits"]
    backgrounds = set()
    for width, is_dark in LOOKS:
        browser.look(width=width, is_dark=is_dark)
        for path in paths:
            browser.open(f"{config.public_url}/admin{path}")
            assert browser.complaints == [], path
            assert browser.run("document.title") != "live"
            # Nothing sticks out of a narrow screen.
            assert browser.run("document.documentElement.scrollWidth") == width, path
            assert browser.run("document.querySelectorAll('h1').length") == 1
            assert browser.run(NAMELESS) == [], path
            backgrounds.add(
                (is_dark, browser.run("getComputedStyle(document.body).backgroundColor"))
            )
            if path == "":
                assert browser.run("document.querySelectorAll('canvas').length") == 2
                assert is_drawn(browser)
            picture = tmp_path / f"page{path.replace('/', '-')[:12]}-{width}-{is_dark}.png"
            browser.picture(picture)
            assert picture.stat().st_size > 10_000
    assert len(backgrounds) == 2


def test_buttons_are_pressed(browser: Browser, config: Config, ambiguous: str) -> None:
    browser.open(f"{config.public_url}/admin")
    browser.click(BUTTON % "Pause TikTok")
    assert "TikTok is paused" in browser.run("document.body.innerText")
    browser.click(BUTTON % "Resume TikTok")
    assert "TikTok is resumed" in browser.run("document.body.innerText")
    browser.click("document.querySelector('.notice a')")
    browser.run("document.querySelector('[name=platformPostId]').value = '7'")
    browser.click(BUTTON % "It is live")
    assert "recorded as live" in browser.run("document.body.innerText")
    browser.click(LINK_TO_JOBS)
    browser.run("document.querySelector('[name=q]').value = 'alice'")
    browser.click(BUTTON % "Search")
    browser.click(f"document.querySelector('a[href$=\"{ambiguous}\"]')")
    assert browser.run("document.querySelector('.head .pill').innerText") == "completed"
    assert browser.complaints == []
    with transaction() as session:
        assert session.get_one(PublishJob, ambiguous, populate_existing=True).state is (
            JobState.COMPLETED
        )
        assert session.get_one(Gate, "TIKTOK", populate_existing=True).paused_at is None


def press(browser: Browser, script: str, what: str) -> None:
    """Click what a script finds, once it is there, on a page that stays."""
    click = f"(() => {{ const one = {script}; one?.click(); return Boolean(one); }})()"
    wait_until(lambda: browser.run(click), what)


def test_jobs_are_steered(browser: Browser, config: Config, ambiguous: str) -> None:
    waiting = make_job("YOUTUBE").id
    browser.open(f"{config.public_url}/admin/jobs/{waiting}")
    browser.click(BUTTON % "Cancel")
    assert "The job is cancelled" in browser.run(TEXT)
    assert browser.run("document.querySelector('.head .pill').innerText") == "cancelled"
    browser.open(f"{config.public_url}/admin/jobs/{ambiguous}")
    browser.click(BUTTON % "It is not live")
    assert "can be retried now" in browser.run(TEXT)
    browser.click(BUTTON % "Retry")
    assert "continues from where it stopped" in browser.run(TEXT)
    assert browser.run("document.querySelector('.head .pill').innerText") == "waiting"
    assert browser.complaints == []
    with transaction() as session:
        states = [
            session.get_one(PublishJob, job_id, populate_existing=True).state
            for job_id in (waiting, ambiguous)
        ]
    assert states == [JobState.CANCELLED, JobState.WAITING]


def test_webhooks_are_sent_again(browser: Browser, config: Config) -> None:
    one, another = dead_notification().id, dead_notification().id
    row = f'form[action*="{one}"] button'
    browser.open(f"{config.public_url}/admin/attention")
    browser.click(f"document.querySelector('{row}')")
    assert "publish.failed is being redelivered" in browser.run(TEXT)
    browser.open(f"{config.public_url}/admin/attention")
    assert browser.run(f"document.querySelector('{row}')") is None
    browser.click(BUTTON % "Redeliver all")
    assert "Webhooks being redelivered: 1" in browser.run(TEXT)
    assert browser.complaints == []
    with transaction() as session:
        for notification_id in (one, another):
            found = session.get_one(Notification, notification_id, populate_existing=True)
            assert found.state is NotificationState.PENDING


def test_runs_are_queued_again_and_dropped(
    browser: Browser, config: Config, app: Flask, redis: Redis
) -> None:
    again, dropped = add_failed_run(app, redis, 1), add_failed_run(app, redis, 2)
    queue = RunQueue(QUEUE, redis)
    redis.sadd(RunQueue.redis_queues_keys, queue.key)  # as a worker does
    button = "document.querySelector('[data-job-id=\"%s\"] [data-role=%s]')"
    browser.open(f"{config.public_url}/admin/queues/0/view/jobs/{QUEUE}/failed/8/asc/1")
    press(browser, button % (again, "requeue-job-btn"), "the first run that failed")
    wait_until(lambda: again in queue.job_ids, "it to be queued")
    press(browser, button % (dropped, "delete-job-btn"), "the other run")
    modal = "getComputedStyle(document.querySelector('#confirmation-modal')).display"
    wait_until(lambda: browser.run(modal) == "block", "the question whether that is meant")
    press(browser, "document.querySelector('#confirmation-modal-yes')", "the answer")
    wait_until(lambda: not Run.exists(dropped, connection=redis), "it to be gone")
    assert Run.exists(again, connection=redis)
    # The dashboard's own page asks for its icon in the wrong place.
    assert [one for one in browser.complaints if "favicon.ico" not in one] == []


def test_an_example_is_tried_in_the_description(
    browser: Browser, config: Config, tmp_path: Path
) -> None:
    for platform in ("TIKTOK", "INSTAGRAM", "YOUTUBE"):
        make_account(platform, "bob")
    make_video("bob", id=VIDEO_ID)
    browser.call("Network.setExtraHTTPHeaders", headers={})  # the page's own count
    browser.open(f"{config.public_url}/api/docs/")
    press(browser, "document.querySelector('.btn.authorize')", "the button to sign in")
    sign_in(browser, serviceKey="test-key", user="bob")
    operation = "document.querySelector('#operations-publish-publishVideo %s')"
    press(browser, operation % ".opblock-summary-control", "the operation")
    press(browser, operation % ".try-out__btn", "its button to try it")
    body = f"{operation % 'textarea'}?.value ?? ''"
    wait_until(lambda: VIDEO_ID in browser.run(body), "the example")
    press(browser, operation % ".execute", "its button to send it")
    answer = f"{operation % '.live-responses-table tbody'}?.innerText ?? ''"
    said = wait_until(lambda: browser.run(answer), "the answer")
    browser.picture(tmp_path / "tried.png")
    assert said.split()[0] == "202", said
    assert browser.complaints == []
    with transaction() as session:
        job = session.query(PublishJob).filter_by(video_id=VIDEO_ID).one()
        assert job.caption in browser.run(body)


def sign_in(browser: Browser, **credentials: str) -> None:
    """Fill in the form of each of the description's security schemes, as a person does."""
    for name, secret in credentials.items():
        form = (
            "[...document.querySelectorAll('.auth-container')]"
            f".find((one) => one.innerText.startsWith('{name}'))"
        )
        focus = f"(() => {{ const one = {form}?.querySelector('input'); one?.focus(); "
        focus += "return Boolean(one); })()"
        wait_until(lambda: browser.run(focus), f"the form for {name}")
        browser.call("Input.insertText", text=secret)
        browser.run(f"{form}.querySelector('button.authorize').click()")
    browser.run("document.querySelector('.auth-container .btn-done').click()")


def test_hostile_run_is_text(
    browser: Browser, config: Config, app: Flask, redis: Redis, tmp_path: Path
) -> None:
    """What a platform answers gets into tracebacks, and whoever writes to Redis into the rest."""
    run_id = add_failed_run(app, redis, why=f"Traceback: {HOSTILE}")
    fields = {"description": f"Description: {HOSTILE}", "meta": json.dumps({"Meta": HOSTILE})}
    redis.hset(Run.key_for(run_id), mapping=fields)  # type: ignore[arg-type]
    redis.sadd(RunQueue.redis_queues_keys, RunQueue(QUEUE, redis).key, f"rq:queue:{HOSTILE}")
    worker = Worker([RunQueue(QUEUE, redis)], connection=redis, job_class=Run)
    worker.register_birth()
    redis.rename(worker.key, f"rq:worker:{HOSTILE}")
    redis.sadd("rq:workers", f"rq:worker:{HOSTILE}")
    said = {
        "view/queues": HOSTILE,
        "view/workers": HOSTILE,
        f"view/jobs/{QUEUE}/failed/8/asc/1": f"Traceback: {HOSTILE}",
        f"view/job/{run_id}": f"Traceback: {HOSTILE}",
    }
    for number, (path, expected) in enumerate(said.items()):
        browser.open(f"{config.public_url}/admin/queues/0/{path}")
        wait_until(lambda: "Loading..." not in browser.run(TEXT), path)
        wait_until(lambda: expected in browser.run(TEXT), path)
        browser.picture(tmp_path / f"hostile-{number}.png")
        assert browser.run("document.querySelectorAll('[onerror]').length") == 0, path
        assert browser.run("document.title") == "RQ dashboard", path
    assert f"Description: {HOSTILE}" in browser.run(TEXT)
    assert [one for one in browser.complaints if "favicon.ico" not in one] == []


def test_queues_and_the_description_are_drawn(
    browser: Browser, config: Config, app: Flask, redis: Redis, tmp_path: Path
) -> None:
    add_failed_run(app, redis)
    redis.sadd(RunQueue.redis_queues_keys, RunQueue(QUEUE, redis).key)  # as a worker does
    browser.open(f"{config.public_url}/admin/queues/")
    wait_until(lambda: QUEUE in browser.run(TEXT), "the queues to be listed")
    browser.click(f"document.querySelector('td.failed a[href*=\"{QUEUE}\"]')")
    wait_until(lambda: "TIKTOK post" in browser.run(TEXT), "the run that failed")
    browser.picture(tmp_path / "queue.png")

    browser.open(f"{config.public_url}/api/docs/")
    operation = "document.querySelector('.opblock-summary-control')"
    wait_until(lambda: browser.run(f"{operation} !== null"), "the operations to be listed")
    browser.run(f"{operation}.click()")
    wait_until(
        lambda: browser.run("document.querySelector('.opblock-body') !== null"), "one of them"
    )
    picture = tmp_path / "docs.png"
    browser.picture(picture)
    assert picture.stat().st_size > 10_000
    # The dashboard's own page asks for its icon in the wrong place.
    assert [one for one in browser.complaints if "favicon.ico" not in one] == []
