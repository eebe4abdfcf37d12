"""The YouTube session against a server with responses that the sandbox does not give."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.workers.platforms.support import Job, Sandbox
from tests.workers.platforms.youtube_job import checkpoint, make_job
from workers.errors import PublishError, Transient, UploadGone
from workers.platforms.results import Incomplete, Processing
from workers.platforms.youtube.upload import CHUNK_UNIT_BYTES, SESSION_LIMIT_SECONDS, YouTubeUpload

SIZE_BYTES = 3 * CHUNK_UNIT_BYTES


@dataclass
class Script:
    """A server that returns scripted responses in turn, and records its requests."""

    url: str
    answers: list[tuple[int, dict[str, str]]] = field(default_factory=list)
    requests: list[tuple[str, dict[str, str]]] = field(default_factory=list)


@pytest.fixture
def script() -> Iterator[Script]:
    """A running server without scripted responses."""

    class ScriptHandler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"] or 0))
            script.requests.append((self.path, dict(self.headers)))
            status, headers = script.answers.pop(0)
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_GET = do_POST = do_PUT

        def log_message(self, format: str, *args: object) -> None:
            """Log nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), ScriptHandler)
    script = Script(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield script
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def job(control: Sandbox, script: Script) -> Job:
    """A job whose platform is the scripted server, with its session open."""
    job = make_job(control, bytes(SIZE_BYTES), url=script.url)
    uri = f"{script.url}/youtube/upload?upload_id=secret"
    opened_at = control.now().timestamp()
    job.journal.save(YouTubeUpload(uri, SIZE_BYTES, "01JOB.mp4", opened_at, is_fresh=False))
    return job


def error_of_poll(job: Job) -> PublishError:
    """Return what a poll raises."""
    with pytest.raises(PublishError) as raised:
        job.handler.poll(job.context, checkpoint(job))
    return raised.value


def test_session_is_opened_with_the_size_the_type_and_our_file_name(
    control: Sandbox, script: Script
) -> None:
    job = make_job(control, bytes(SIZE_BYTES), url=script.url)
    script.answers = [(200, {"Location": "/youtube/upload?upload_id=1"})]
    upload = job.handler.open(job.context)
    assert isinstance(upload, YouTubeUpload)
    assert upload.session_uri == f"{script.url}/youtube/upload?upload_id=1"
    [(path, headers)] = script.requests
    assert path == "/youtube/upload/youtube/v3/videos?uploadType=resumable&part=snippet%2Cstatus"
    assert headers["X-Upload-Content-Length"] == str(SIZE_BYTES)
    assert headers["X-Upload-Content-Type"] == "video/mp4"
    assert headers["Content-Type"] == "application/json; charset=UTF-8"
    assert headers["Slug"] == "01JOB.mp4"
    assert headers["Authorization"].startswith("Bearer ya29.")


@pytest.mark.parametrize(
    "location",
    [
        "https://evil.example/upload",
        "http://127.0.0.1:1/upload",
        "http://www.googleapis.com/upload",
        "https://googleapis.com.evil.example/upload",
        "https://evilgoogleapis.com/upload",
        "http://[broken/upload",
        "file:///etc/passwd",
    ],
)
def test_token_is_not_sent_to_a_foreign_host(
    control: Sandbox, script: Script, location: str
) -> None:
    job = make_job(control, bytes(SIZE_BYTES), url=script.url)
    script.answers = [(200, {"Location": location})]
    with pytest.raises(Transient) as raised:
        job.handler.open(job.context)
    assert raised.value.code == "bad_location"
    assert location not in str(raised.value)


def test_session_may_be_on_another_of_googles_hosts(control: Sandbox, script: Script) -> None:
    job = make_job(control, bytes(SIZE_BYTES), url=script.url)
    uri = "https://youtube.googleapis.com/upload/youtube/v3/videos?upload_id=1"
    script.answers = [(200, {"Location": uri})]
    upload = job.handler.open(job.context)
    assert isinstance(upload, YouTubeUpload) and upload.session_uri == uri


def test_response_without_a_session_uri_opens_nothing(control: Sandbox, script: Script) -> None:
    job = make_job(control, bytes(SIZE_BYTES), url=script.url)
    script.answers = [(200, {})]
    with pytest.raises(Transient):
        job.handler.open(job.context)


@pytest.mark.parametrize(
    "received",
    [
        "bytes=1-5",
        "bytes=0-",
        "bytes=-5",
        "bytes 0-5",
        "0-5",
        "bytes=0-5,7-9",
        "bytes=0-0x5",
        f"bytes=0-{SIZE_BYTES}",
        "bytes=0-99999999999999999999999",
        "bytes=0-\u00b2".encode().decode("latin-1"),
    ],
)
def test_impossible_range_is_not_trusted(job: Job, script: Script, received: str) -> None:
    script.answers = [(308, {"Range": received})]
    assert error_of_poll(job).code == "bad_range"


@pytest.mark.parametrize(
    ("headers", "found"),
    [
        ({}, Incomplete(0)),
        ({"Range": "bytes=0-0"}, Incomplete(1)),
        ({"Range": "bytes=0-262143"}, Incomplete(CHUNK_UNIT_BYTES)),
        ({"Range": f"bytes=0-{SIZE_BYTES - 1}"}, Processing(1.0)),
    ],
)
def test_range_header_names_the_received_bytes(
    job: Job, script: Script, headers: dict[str, str], found: Incomplete | Processing
) -> None:
    script.answers = [(308, headers)]
    assert job.handler.poll(job.context, checkpoint(job)) == found
    [(_, asked)] = script.requests
    assert asked["Content-Length"] == "0"
    assert asked["Content-Range"] == f"bytes */{SIZE_BYTES}"


def test_session_with_every_byte_is_sent_nothing(job: Job, script: Script) -> None:
    script.answers = [(308, {"Range": f"bytes=0-{SIZE_BYTES - 1}"})]
    assert job.handler.send(job.context, checkpoint(job)) == checkpoint(job)
    assert job.source.ranges == []


def test_session_with_every_byte_is_not_polled_forever(
    control: Sandbox, job: Job, script: Script
) -> None:
    ended_at = control.now().timestamp() - SESSION_LIMIT_SECONDS
    job.journal.save(replace(checkpoint(job), final_started_at=ended_at + 60))
    whole = (308, {"Range": f"bytes=0-{SIZE_BYTES - 1}"})
    script.answers = [whole, whole, (500, {})]
    assert isinstance(job.handler.poll(job.context, checkpoint(job)), Processing)
    job.journal.save(replace(checkpoint(job), final_started_at=ended_at - 60))
    with pytest.raises(PublishError):
        job.handler.poll(job.context, checkpoint(job))
    assert script.requests[-1][0].startswith("/youtube/youtube/v3/channels")


def test_session_that_stores_nothing_ends_the_run(job: Job, script: Script) -> None:
    script.answers = [(308, {"Range": "bytes=0-99"}), (308, {"Range": "bytes=0-99"})]
    with pytest.raises(Transient) as raised:
        job.handler.send(job.context, checkpoint(job))
    assert raised.value.code == "no_progress"
    assert job.source.open_streams == 0


def test_partly_stored_chunk_is_continued(job: Job, script: Script) -> None:
    held = [(308, {"Range": "bytes=0-99"}), (308, {"Range": "bytes=0-300000"})]
    script.answers = [*held, (201, {})]
    with pytest.raises(PublishError):  # the last answer has no body, so no id
        job.handler.send(job.context, checkpoint(job))
    assert job.source.ranges == [(100, SIZE_BYTES - 100), (300_001, SIZE_BYTES - 300_001)]


def test_redirect_is_not_followed(job: Job, script: Script) -> None:
    script.answers = [(302, {"Location": "https://evil.example/"})]
    assert error_of_poll(job).code == "http_302"
    assert len(script.requests) == 1


def test_moved_session_is_not_followed_to_a_foreign_host(job: Job, script: Script) -> None:
    before = checkpoint(job)
    script.answers = [(308, {"Location": "https://evil.example/"})]
    assert error_of_poll(job).code == "bad_location"
    assert checkpoint(job) == before


def test_fresh_session_of_another_day_is_queried_before_use(
    control: Sandbox, job: Job, script: Script
) -> None:
    opened_at = control.now().timestamp() - SESSION_LIMIT_SECONDS - 1
    uri = checkpoint(job).session_uri
    job.journal.save(YouTubeUpload(uri, SIZE_BYTES, "01JOB.mp4", opened_at))
    script.answers = [(404, {})]
    with pytest.raises(UploadGone):
        job.handler.send(job.context, checkpoint(job))
    assert [asked["Content-Length"] for _, asked in script.requests] == ["0"]
