"""TikTok fetches the video by a link: no bytes pass through us, and no request is repeated."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from tests.processes import wait_until
from tests.workers.platforms.support import Job, Sandbox, error_of_run
from tests.workers.platforms.tiktok_job import (
    CREATOR,
    INIT,
    LIST,
    STATUS,
    UPLOAD,
    checkpoint,
    make_job,
)
from workers.errors import (
    Ambiguous,
    NetworkFailure,
    OutcomeUnknown,
    PublishError,
    RateLimited,
    UploadGone,
)
from workers.platforms.results import Processing, Published
from workers.platforms.tiktok import TikTokHandler


@pytest.fixture
def link(video: bytes) -> Iterator[str]:
    """A link to the video, like one that a store signs."""

    class Store(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", str(len(video)))
            self.end_headers()
            self.wfile.write(video)

        def log_message(self, *args: object) -> None:
            """Log nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Store) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/video.mp4?signature=abc"
        server.shutdown()


def pulled(control: Sandbox, data: bytes, link: str | None, **changes: Any) -> Job:
    """Return a job whose video TikTok is to fetch."""
    job = make_job(control, data, **changes)
    job.handler = TikTokHandler(replace(job.handler.api, fetches=True))
    job.source.link = link
    return job


def test_video_arrives_without_a_byte_through_us(control: Sandbox, video: bytes, link: str) -> None:
    job = pulled(control, video, link)
    published = job.carry_through()
    [post] = control.posts()
    assert published.post_id in (None, post["id"])
    assert post["sha256"] == sha256(video).hexdigest()
    assert (post["caption"], post["privacy"]) == ("A caption #fun", "PUBLIC_TO_EVERYONE")
    assert job.source.ranges == []
    assert control.call_names()[:2] == [CREATOR, INIT]
    assert UPLOAD not in control.call_names()


def test_request_that_may_publish_is_stored_before(
    control: Sandbox, video: bytes, link: str
) -> None:
    job = pulled(control, video, link)
    job.run()
    kinds = [(kind, fields["publish_id"] != "") for kind, fields in job.journal.saved]
    assert kinds == [("save", False), ("commit", False), ("save", True)]
    assert "signature" not in str(job.journal.saved)
    job.carry_through()


def test_bytes_are_sent_if_the_store_has_no_links(control: Sandbox, video: bytes) -> None:
    job = pulled(control, video, None)
    job.carry_through()
    assert UPLOAD in control.call_names()
    assert len(control.posts()) == 1


def test_lost_answer_is_settled_by_the_list(control: Sandbox, video: bytes, link: str) -> None:
    control.fault("TIKTOK", INIT, "lost_answer")
    job = pulled(control, video, link)
    assert isinstance(error_of_run(job), OutcomeUnknown)
    published = job.carry_through()
    [post] = control.posts()
    assert published == Published(post["id"], post["url"])
    calls = control.call_names()
    assert calls.count(INIT) == 1 and LIST in calls


@pytest.mark.parametrize("kind", ["garbage", "empty", "cut"])
def test_empty_response_counts_as_lost(
    control: Sandbox, video: bytes, link: str, kind: str
) -> None:
    control.fault("TIKTOK", INIT, kind)
    job = pulled(control, video, link)
    assert isinstance(error_of_run(job), OutcomeUnknown)
    assert isinstance(job.run(), Processing)
    assert control.call_names().count(INIT) == 1


def test_lost_response_that_no_list_can_settle_is_left_to_a_person(
    control: Sandbox, video: bytes, link: str
) -> None:
    control.fault("TIKTOK", INIT, "lost_answer")
    job = pulled(control, video, link, privacy="private")
    assert isinstance(error_of_run(job), OutcomeUnknown)
    assert isinstance(error_of_run(job), Ambiguous)
    assert control.call_names().count(INIT) == 1


def test_post_that_is_on_no_list_is_given_up_after_hours(
    control: Sandbox, video: bytes, link: str
) -> None:
    control.fault("TIKTOK", INIT, "error", code="internal_error")
    job = pulled(control, video, link)
    assert isinstance(error_of_run(job), OutcomeUnknown)
    assert isinstance(job.run(), Processing)
    control.advance(2 * 3600)
    assert isinstance(error_of_run(job), Ambiguous)
    assert control.call_names().count(INIT) == 1


def test_refused_request_published_nothing_and_may_be_repeated(
    control: Sandbox, video: bytes, link: str
) -> None:
    control.fault("TIKTOK", INIT, "error", code="spam_risk_too_many_posts")
    job = pulled(control, video, link)
    assert isinstance(error_of_run(job), RateLimited)
    assert checkpoint(job).final_started_at is None
    job.carry_through()
    assert len(control.posts()) == 1
    assert control.call_names().count(INIT) == 2


def test_request_that_was_never_sent_may_be_repeated(
    control: Sandbox, video: bytes, link: str
) -> None:
    body = b'{"data":{"privacy_level_options":["PUBLIC_TO_EVERYONE"]},"error":{"code":"ok"}}'
    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body)
    listener = socket.create_server(("127.0.0.1", 0))

    def answer_once() -> None:
        connection, _ = listener.accept()
        listener.close()  # nobody is there for the next call
        with connection:
            connection.recv(65_536)
            connection.sendall(head + body)

    url = f"http://127.0.0.1:{listener.getsockname()[1]}"
    threading.Thread(target=answer_once).start()
    job = pulled(control, video, link, url=url)
    assert isinstance(error_of_run(job), NetworkFailure)
    assert checkpoint(job).final_started_at is None


def test_video_that_could_not_be_fetched_is_requested_again(
    control: Sandbox, video: bytes, link: str
) -> None:
    control.settings(tiktok_status_per_minute=1_000_000)
    job = pulled(control, video, "http://127.0.0.1:9/gone.mp4")
    job.run()

    def end() -> PublishError | None:
        """Poll once; on a busy machine the failing fetch takes a while."""
        try:
            assert isinstance(job.run(), Processing)
        except PublishError as raised:
            return raised
        return None

    error = wait_until(end, "the fetch to fail")
    assert isinstance(error, UploadGone) and error.upload_is_dead
    assert control.posts() == []
    job.journal.upload = None
    job.source.link = link
    job.carry_through()
    assert len(control.posts()) == 1
    assert STATUS in control.call_names()
