"""The metrics count the bytes that workers sent, and none that a platform fetched by link."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from flask import Flask

from app.clock import utcnow
from app.extensions import db
from app.metrics.figures import Figures
from app.models import PublishJob, Video
from app.queries.metrics import read_window
from app.states import JobState
from app.storage.folder import FolderStorage
from app.storage.links import LinkSigner
from tests.databases import ON_POSTGRES
from tests.factories import make_job
from tests.platforms import Platforms
from tests.processes import wait_until
from tests.workers.conftest import Store, connect
from workers.media.renditions import transcode_due
from workers.publishing.pipeline import advance


class LinkedFolder(FolderStorage):
    """A folder whose videos a platform can fetch, as it can those of a public store."""

    has_public_links = True
    link = ""

    def signed_get_url(self, key: str, expires_seconds: int, *, content_type: str = "") -> str:
        return self.link


@pytest.fixture(autouse=True)
def surroundings(context: None) -> None:
    """Every test has an application around it."""


@pytest.fixture
def linked_store(app: Flask, film: Path, tmp_path: Path) -> Iterator[None]:
    """The application's store, with links to the film that work."""
    body = film.read_bytes()

    class FilmServer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Type", "video/mp4")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), FilmServer) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        store = LinkedFolder(app.config["SETTINGS"].video_dir, "http://unused", LinkSigner(["key"]))
        store.link = f"http://127.0.0.1:{server.server_address[1]}/film.mp4"
        app.extensions["storage"] = store
        yield
        server.shutdown()


def publish(job: PublishJob) -> Figures:
    """Run the job to its end and return its platform's figures."""

    def look() -> bool:
        advance(job.platform, job.id)
        found = db.session.get_one(PublishJob, job.id, populate_existing=True)
        db.session.commit()
        assert found.state is not JobState.FAILED, found.error_message
        return found.state is JobState.COMPLETED

    wait_until(look, f"the end of {job.id}")
    return read_window("1h", utcnow() + timedelta(seconds=1)).platforms[job.platform]


def fetch_by_link(app: Flask) -> None:
    """Let both platforms that can fetch a video do so."""
    config = app.config["SETTINGS"]
    fetching = replace(config, tiktok_video_by="link", instagram_video_by="link")
    app.config["SETTINGS"] = fetching


@pytest.mark.parametrize(
    ("platform", "login_type"),
    [("TIKTOK", ""), ("INSTAGRAM", "facebook"), ("INSTAGRAM", "instagram")],
)
def test_video_that_a_platform_fetches_counts_no_bytes(
    app: Flask,
    linked_store: None,
    platforms: Platforms,
    stored_film: Video,
    platform: str,
    login_type: str,
) -> None:
    fetch_by_link(app)
    options = {"login_type": login_type} if login_type else {}
    account = connect(platforms, platform, **options)
    figures = publish(make_job(platform, account=account, video=stored_film))
    assert figures.completed == 1
    assert (figures.uploaded_bytes, figures.throughput.count) == (0, 0)


@pytest.mark.parametrize("platform", ["TIKTOK", "INSTAGRAM", "YOUTUBE"])
def test_video_that_a_worker_sends_counts_its_bytes(
    platforms: Platforms, stored_film: Video, film: Path, platform: str
) -> None:
    account = connect(platforms, platform)
    figures = publish(make_job(platform, account=account, video=stored_film))
    assert (figures.uploaded_bytes, figures.throughput.count) == (film.stat().st_size, 1)


@ON_POSTGRES  # one database: converting takes its time
def test_rendition_counts_its_own_bytes(
    platforms: Platforms, stored: Store, short_clip: Path
) -> None:
    """The original, which is of another size, was never sent."""
    video = stored(short_clip)
    job = make_job("TIKTOK", account=connect(platforms, "TIKTOK"), video=video)
    advance(job.platform, job.id)
    transcode_due()
    figures = publish(job)
    [post] = platforms.posts()
    assert figures.uploaded_bytes == post["size_bytes"] != video.file_size
