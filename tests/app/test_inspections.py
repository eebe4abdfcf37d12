"""Inspections of files and their bounds: each may take a gigabyte and many seconds."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.config import Config
from app.media import probe as media_probe
from app.videos import examine
from tests.app.clips import clip_bytes
from tests.databases import ON_SQLITE
from tests.factories import make_account

pytestmark = ON_SQLITE
Auth = Callable[..., dict[str, str]]
Upload = Callable[[], str]


class CountedProbe:
    """The real probe, slowed down, and how many of it ran and ran at once."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running = 0
        self.count = self.most = 0
        self.release = threading.Event()
        self.release.set()

    def __call__(self, *args: Any) -> Any:
        with self._lock:
            self._running += 1
            self.count += 1
            self.most = max(self.most, self._running)
        try:
            time.sleep(0.3)
            assert self.release.wait(60)
            return media_probe.probe(*args)
        finally:
            with self._lock:
                self._running -= 1


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> CountedProbe:
    counted = CountedProbe()
    monkeypatch.setattr(examine, "probe", counted)
    return counted


@pytest.fixture
def upload(client: FlaskClient, auth: Auth, config: Config) -> Upload:
    """Upload a video as to a bucket: this service sees nothing of it; return its id."""

    def store() -> str:
        body = {"filename": "a.mp4", "contentType": "video/mp4", "fileSize": len(clip_bytes())}
        signed = client.post("/api/videos/uploads", json=body, headers=auth()).get_json()
        video_id: str = signed["videoId"]
        (config.video_dir / "uploads").mkdir(parents=True, exist_ok=True)
        (config.video_dir / f"uploads/{video_id}.mp4").write_bytes(clip_bytes())
        return video_id

    return store


def at_once(calls: list[Callable[[], Any]]) -> list[Any]:
    with ThreadPoolExecutor(len(calls)) as threads:
        return [each.result(60) for each in [threads.submit(call) for call in calls]]


def test_video_is_inspected_once_however_many_ask(
    app: Flask, auth: Auth, upload: Upload, probe: CountedProbe
) -> None:
    path = f"/api/videos/{upload()}"
    asked = at_once([lambda: app.test_client().get(path, headers=auth())] * 8)
    states = [answer.get_json()["state"] for answer in asked]
    assert [answer.status_code for answer in asked] == [200] * 8
    assert set(states) <= {"uploading", "ready"} and "ready" in states
    assert (probe.count, probe.most) == (1, 1)


def test_few_videos_are_inspected_at_once(
    app: Flask, auth: Auth, upload: Upload, probe: CountedProbe
) -> None:
    paths = [f"/api/videos/{upload()}" for _ in range(6)]
    calls = [lambda path=path: app.test_client().get(path, headers=auth()) for path in paths]
    assert [answer.status_code for answer in at_once(calls)] == [200] * 6
    assert probe.most == 2
    # Who found no place asks again.
    assert [call().get_json()["state"] for call in calls] == ["ready"] * 6


def test_posts_of_one_upload_wait_for_its_inspection(
    app: Flask, auth: Auth, upload: Upload, probe: CountedProbe
) -> None:
    with app.app_context():
        for platform in ("TIKTOK", "YOUTUBE"):
            make_account(platform, "alice")
    video_id = upload()

    def publish(platform: str) -> int:
        body = {"videoId": video_id, "platform": platform, "caption": "Hello"}
        return app.test_client().post("/api/publish", json=body, headers=auth()).status_code

    calls = [lambda platform=platform: publish(platform) for platform in ("TIKTOK", "YOUTUBE")]
    assert at_once(calls) == [202, 202]
    assert probe.count == 1


def test_registration_without_a_place_is_to_be_tried_again(
    app: Flask,
    auth: Auth,
    config: Config,
    upload: Upload,
    probe: CountedProbe,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(examine, "WAIT_SECONDS", 0.2)
    paths = [f"/api/videos/{upload()}" for _ in range(2)]
    (config.video_dir / "film.mp4").write_bytes(clip_bytes())
    body = {"r2Key": "film.mp4", "title": "A film"}

    def register() -> Any:
        return app.test_client().post("/api/videos", json=body, headers=auth())

    probe.release.clear()
    with ThreadPoolExecutor(2) as threads:
        asked = [
            threads.submit(lambda path=path: app.test_client().get(path, headers=auth()))
            for path in paths
        ]
        while probe.count < 2:
            time.sleep(0.01)
        refused = register()
        probe.release.set()
        assert [each.result(60).get_json()["state"] for each in asked] == ["ready"] * 2
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    assert register().status_code == 201
