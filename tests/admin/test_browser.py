"""The operator's pages in a real browser: light and dark, wide and narrow, buttons pressed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from flask import Flask
from redis import Redis

from app.clock import utcnow
from app.config import Config
from app.metrics.figures import Figures
from app.metrics.rolling import HOUR_SECONDS, slot_of
from app.models import Gate, PublishJob, Tally
from app.publishing.transaction import transaction
from app.queues import RunQueue
from app.states import JobState
from tests.admin.browser import CHROMIUM, Browser
from tests.admin.conftest import basic, fail
from tests.admin.test_queues import QUEUE, add_failed_run
from tests.app.web import free_port, running_web
from tests.databases import ON_POSTGRES
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
LINK_TO_JOBS = "[...document.querySelectorAll('nav a')].find((one) => one.innerText === 'Jobs')"


@pytest.fixture
def config(config: Config) -> Config:
    """Settings with a port of their own."""
    port = free_port()
    return replace(config, port=port, public_url=f"http://127.0.0.1:{port}")


@pytest.fixture
def ambiguous(context: Flask) -> str:
    """A day with posts and failures, a job that waits, and one that needs a person."""
    hour = slot_of(utcnow() - timedelta(hours=3), HOUR_SECONDS)
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
    button = "[...document.querySelectorAll('button')].find((one) => one.textContent === '%s')"
    browser.open(f"{config.public_url}/admin")
    browser.click(button % "Pause TikTok")
    assert "TikTok is paused" in browser.run("document.body.innerText")
    browser.click(button % "Resume TikTok")
    assert "TikTok goes on" in browser.run("document.body.innerText")
    browser.click("document.querySelector('.notice a')")
    browser.run("document.querySelector('[name=platformPostId]').value = '7'")
    browser.click(button % "It is live")
    assert "recorded as live" in browser.run("document.body.innerText")
    browser.click(LINK_TO_JOBS)
    browser.run("document.querySelector('[name=q]').value = 'alice'")
    browser.click(button % "Search")
    browser.click(f"document.querySelector('a[href$=\"{ambiguous}\"]')")
    assert browser.run("document.querySelector('.head .pill').innerText") == "completed"
    assert browser.complaints == []
    with transaction() as session:
        assert session.get_one(PublishJob, ambiguous, populate_existing=True).state is (
            JobState.COMPLETED
        )
        assert session.get_one(Gate, "TIKTOK", populate_existing=True).paused_at is None


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
