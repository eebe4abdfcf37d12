"""Registering, showing and deleting videos."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

import av
import jwt
import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app import create_app
from app.api.bodies import MAX_BODY_BYTES
from app.clock import utcnow
from app.config import Config
from app.extensions import db
from app.models import Video
from app.publishing.steer import cancel
from app.states import VideoState
from app.videos.register import RESERVED
from tests.app.clips import clip_bytes
from tests.factories import make_account, make_job, make_video

Auth = Callable[..., dict[str, str]]
MISSING = {"r2Key": ["There is no such object in the video store"]}


@pytest.fixture
def folder(config: Config) -> Path:
    config.video_dir.mkdir(parents=True, exist_ok=True)
    return config.video_dir


@pytest.fixture
def clip(folder: Path) -> Path:
    path = folder / "alice" / "clip.mp4"
    path.parent.mkdir()
    path.write_bytes(clip_bytes())
    return path


@pytest.fixture
def register(client: FlaskClient, auth: Auth) -> Callable[..., TestResponse]:
    def post(key: str = "alice/clip.mp4", title: str = "A film", user: str = "alice") -> Any:
        return client.post("/api/videos", json={"r2Key": key, "title": title}, headers=auth(user))

    return post


def test_register_probes_the_object(
    client: FlaskClient, auth: Auth, clip: Path, register: Callable[..., TestResponse]
) -> None:
    answer = register()
    assert answer.status_code == 201
    video = answer.get_json()
    assert video.pop("createdAt").endswith("Z")
    assert video.pop("duration") == pytest.approx(3, abs=0.1)
    video_id = video.pop("id")
    works = [(plan["platform"], plan["work"], plan["possible"]) for plan in video.pop("plans")]
    assert works == [
        ("TIKTOK", "nothing", True),
        ("INSTAGRAM", "remux", True),
        ("YOUTUBE", "nothing", True),
    ]
    assert video == {
        "r2Key": "alice/clip.mp4",
        "title": "A film",
        "state": "ready",
        "stateReason": "",
        "fileSize": clip.stat().st_size,
        "format": "mp4",
        "resolution": "360x640",
        "codecs": {"video": "h264", "audio": "aac"},
    }
    shown = client.get(f"/api/videos/{video_id}", headers=auth())
    assert shown.status_code == 200
    assert shown.get_json() == answer.get_json()


def test_register_again_is_the_same_video(
    clip: Path, register: Callable[..., TestResponse]
) -> None:
    first = register()
    again = register(title="Another title")
    assert again.status_code == 200
    assert again.get_json() == {**first.get_json(), "title": "Another title"}


def test_register_a_changed_object_is_another_video(
    clip: Path, register: Callable[..., TestResponse]
) -> None:
    first = register()
    clip.write_bytes(clip_bytes(4))
    changed = register()
    assert changed.status_code == 201
    assert changed.get_json()["id"] != first.get_json()["id"]
    assert changed.get_json()["duration"] == pytest.approx(4, abs=0.1)


def test_register_after_a_delete_is_a_new_video(
    client: FlaskClient, auth: Auth, clip: Path, register: Callable[..., TestResponse]
) -> None:
    first = register().get_json()["id"]
    assert client.delete(f"/api/videos/{first}", headers=auth()).status_code == 204
    assert register().status_code == 201


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        (b"", "The file is empty."),
        (b"This is no video." * 1000, "The file is not a video, or it is damaged."),
        (b"<html><script>alert(1)</script>", "The file is not a video, or it is damaged."),
    ],
)
def test_register_refuses_what_is_no_video(
    folder: Path, register: Callable[..., TestResponse], content: bytes, sentence: str
) -> None:
    (folder / "bad.mp4").write_bytes(content)
    answer = register("bad.mp4")
    assert answer.status_code == 400
    assert answer.content_type == "application/problem+json"
    assert answer.get_json()["errors"] == {"r2Key": [sentence]}


def test_register_refuses_half_a_video(folder: Path, register: Callable[..., TestResponse]) -> None:
    (folder / "half.mp4").write_bytes(clip_bytes()[:2000])
    assert register("half.mp4").status_code == 400


@pytest.mark.parametrize(
    "key",
    [
        "nothing.mp4",
        "../publishing.db",
        "/etc/passwd",
        "alice/../../x.mp4",
        "alice//clip.mp4",
        "alice",
        ".partial/x",
        "alice\\clip.mp4",
        "a" * 1024,
        "ä" * 1000,
        "alice/clip.mp4/x",
        "clip\n.mp4",
    ],
)
def test_register_refuses_keys_without_an_object(
    clip: Path, register: Callable[..., TestResponse], key: str
) -> None:
    answer = register(key)
    assert answer.status_code == 400
    assert list(answer.get_json()["errors"]) == ["r2Key"]


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"r2Key", "title"}),
        ({"r2Key": "a.mp4"}, {"title"}),
        ({"r2Key": 1, "title": ["x"]}, {"r2Key", "title"}),
        ({"r2Key": None, "title": None}, {"r2Key", "title"}),
        ({"r2Key": "", "title": ""}, {"r2Key", "title"}),
        ({"r2Key": "a" * 1025, "title": "x" * 501}, {"r2Key", "title"}),
        ({"r2Key": "a\x00.mp4", "title": "x\x00"}, {"r2Key", "title"}),
        ({"r2Key": "a\ud800", "title": "x"}, {"r2Key"}),
        ({"r2Key": "a.mp4", "title": "x", "userId": "bob"}, {"userId"}),
        ({"r2Key": "a.mp4", "title": "x", "duration": 5}, {"duration"}),
        ([], {"body"}),
        ("text", {"body"}),
        (5, {"body"}),
    ],
)
def test_register_refuses_bad_bodies(
    client: FlaskClient, auth: Auth, body: Any, fields: set[str]
) -> None:
    answer = client.post("/api/videos", json=body, headers=auth())
    assert answer.status_code == 400
    assert set(answer.get_json()["errors"]) == fields


def test_a_key_of_another_user_is_as_good_as_missing(
    client: FlaskClient, auth: Auth, clip: Path, register: Callable[..., TestResponse]
) -> None:
    video_id = register().get_json()["id"]
    stolen = register(user="bob")
    assert stolen.status_code == 400
    assert stolen.get_json()["errors"] == MISSING
    assert stolen.get_json() == register("nothing.mp4", user="bob").get_json()
    # Deleting the video leaves the object, and whose it is.
    assert client.delete(f"/api/videos/{video_id}", headers=auth()).status_code == 204
    assert register(user="bob").get_json()["errors"] == MISSING


def test_a_browser_may_name_no_object(client: FlaskClient, config: Config, clip: Path) -> None:
    """The first to name an object has it: another's film would be for the taking."""
    claims = {"sub": "mallory", "exp": utcnow() + timedelta(minutes=5)}
    token = jwt.encode(claims, config.jwt_secret, algorithm="HS256")
    headers = {"Authorization": f"Bearer {token}"}
    for key in ("alice/clip.mp4", "nothing.mp4"):
        refused = client.post("/api/videos", json={"r2Key": key, "title": "x"}, headers=headers)
        assert refused.status_code == 403
        assert refused.content_type == "application/problem+json"
        assert refused.get_json()["error"].startswith("Only a service key may name an object")
    assert client.get("/api/videos", headers=headers).get_json()["videos"] == []
    sent = {"filename": "film.mp4", "contentType": "video/mp4", "fileSize": 5}
    assert client.post("/api/videos/uploads", json=sent, headers=headers).status_code == 201


def test_what_the_service_made_is_nobodys_to_register(
    folder: Path, register: Callable[..., TestResponse]
) -> None:
    made = folder / "renditions" / "made-1.mp4"
    made.parent.mkdir()
    made.write_bytes(clip_bytes())
    for key in ("renditions/made-1.mp4", "renditions/nothing.mp4"):
        refused = register(key)
        assert refused.status_code == 400
        assert refused.get_json()["errors"] == {"r2Key": [RESERVED]}


def test_registering_at_once_makes_one_video(app: Flask, clip: Path, auth: Auth) -> None:
    answers: list[TestResponse] = []

    def post() -> None:
        body = {"r2Key": "alice/clip.mp4", "title": "A film"}
        answers.append(app.test_client().post("/api/videos", json=body, headers=auth()))

    threads = [threading.Thread(target=post) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(answer.status_code for answer in answers) == [200, 200, 200, 201]
    assert len({answer.get_json()["id"] for answer in answers}) == 1


def test_list_goes_page_by_page(app: Flask, client: FlaskClient, auth: Auth) -> None:
    with app.app_context():
        newest_first = [make_video(title=str(number)).id for number in range(5)][::-1]
        make_video("bob")
        make_video(deleted_at=utcnow())
    seen: list[str] = []
    cursor = ""
    while True:
        answer = client.get(f"/api/videos?limit=2{cursor}", headers=auth())
        assert answer.status_code == 200
        seen += [video["id"] for video in answer.get_json()["videos"]]
        if answer.get_json()["nextCursor"] is None:
            break
        cursor = f"&cursor={answer.get_json()['nextCursor']}"
    assert seen == sorted(newest_first, reverse=True)


@pytest.mark.parametrize(
    "query",
    [
        "limit=0",
        "limit=101",
        "limit=x",
        "limit=99999999999999999999999",
        "cursor=x",
        "cursor=%00",
        "cursor=MDE%3D",
        "cursor=%F0%9F%98%80",
        "state=ready",
    ],
)
def test_list_refuses_bad_queries(client: FlaskClient, auth: Auth, query: str) -> None:
    for path in ("/api/videos", "/api/accounts", "/api/posts"):
        answer = client.get(f"{path}?{query}", headers=auth())
        assert answer.status_code == 400, path
        assert len(answer.get_json()["errors"]) == 1


def test_other_users_find_nothing(app: Flask, client: FlaskClient, auth: Auth) -> None:
    with app.app_context():
        video_id = make_video("alice").id
    unknown = client.get("/api/videos/01ARZ3NDEKTSV4RRFFQ69G5FAV", headers=auth("bob"))
    for call in (client.get, client.delete):
        answer = call(f"/api/videos/{video_id}", headers=auth("bob"))
        assert answer.status_code == 404
        assert answer.get_json() == unknown.get_json()
    malformed = client.get("/api/videos/%00", headers=auth("bob"))
    assert malformed.get_json() == unknown.get_json()
    assert client.get(f"/api/videos/{video_id}", headers=auth()).status_code == 200


def test_every_route_needs_a_caller(client: FlaskClient) -> None:
    for method, path in (
        ("GET", "/api/videos"),
        ("POST", "/api/videos"),
        ("POST", "/api/videos/uploads"),
        ("GET", "/api/videos/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("DELETE", "/api/videos/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("GET", "/api/accounts"),
        ("PUT", "/api/accounts/TIKTOK"),
        ("DELETE", "/api/accounts/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("GET", "/api/posts"),
        ("GET", "/api/posts/01ARZ3NDEKTSV4RRFFQ69G5FAV"),
        ("GET", "/api/platforms"),
    ):
        answer = client.open(path, method=method)
        assert answer.status_code == 401, path
        assert "WWW-Authenticate" in answer.headers


def test_delete_leaves_a_registered_object(
    client: FlaskClient, auth: Auth, clip: Path, register: Callable[..., TestResponse]
) -> None:
    path = f"/api/videos/{register().get_json()['id']}"
    answer = client.delete(path, headers=auth())
    assert (answer.status_code, answer.data) == (204, b"")
    assert clip.exists()
    assert client.get(path, headers=auth()).status_code == 404
    assert client.delete(path, headers=auth()).status_code == 404
    assert client.get("/api/videos", headers=auth()).get_json()["videos"] == []


def test_delete_waits_for_open_jobs(app: Flask, client: FlaskClient, auth: Auth) -> None:
    with app.app_context():
        video = make_video()
        job = make_job(account=make_account(), video=video)
    path = f"/api/videos/{video.id}"
    refused = client.delete(path, headers=auth())
    assert refused.status_code == 409
    assert "cancel" in refused.get_json()["error"]
    with app.app_context():
        cancel(job.id, utcnow())
    assert client.delete(path, headers=auth()).status_code == 204
    with app.app_context():
        row = db.session.get(Video, video.id)
        assert row is not None and row.deleted_at is not None


def test_a_body_must_be_json(client: FlaskClient, auth: Auth) -> None:
    for path in ("/api/videos", "/api/videos/uploads"):
        assert client.post(path, data="{}", headers=auth()).status_code == 415
        for text in ("", "{", "null", "NaN", "[" * 100_000, '{"r2Key": 1e999}'):
            answer = client.post(
                path, data=text, headers={**auth(), "Content-Type": "application/json"}
            )
            assert answer.status_code == 400, text[:20]
        big = {"r2Key": "x" * MAX_BODY_BYTES}
        assert client.post(path, json=big, headers=auth()).status_code == 413


@pytest.fixture
def lost_bucket(config: Config, app: Flask) -> Iterator[Flask]:
    """The application with a bucket on a port where nobody listens; `app` empties its tables."""
    lost = replace(
        config,
        r2_endpoint_url="http://127.0.0.1:9",
        r2_bucket="videos",
        r2_access_key_id="id",
        r2_secret_access_key="secret",
    )
    without_bucket = create_app(lost)
    yield without_bucket
    with without_bucket.app_context():
        db.engine.dispose()
    without_bucket.extensions["redis"].close()


def test_a_lost_store_is_told_and_nothing_else_breaks(lost_bucket: Flask, auth: Auth) -> None:
    client = lost_bucket.test_client()
    body = {"r2Key": "a.mp4", "title": "A film"}
    refused = client.post("/api/videos", json=body, headers=auth())
    assert refused.status_code == 503
    assert "Retry-After" in refused.headers
    upload = {"filename": "a.mp4", "contentType": "video/mp4", "fileSize": 5}
    signed = client.post("/api/videos/uploads", json=upload, headers=auth()).get_json()
    assert signed["uploadUrl"].startswith("http://127.0.0.1:9/videos/uploads/")
    path = f"/api/videos/{signed['videoId']}"
    assert client.get(path, headers=auth()).get_json()["state"] == "uploading"
    assert client.delete(path, headers=auth()).status_code == 503
    assert client.get(path, headers=auth()).status_code == 200
    sent = client.put("/api/videos/uploads/x.y", data=b"12345")
    assert sent.status_code == 403


def test_a_folder_that_is_none_is_told(client: FlaskClient, auth: Auth, config: Config) -> None:
    config.video_dir.write_text("no folder")
    upload = {"filename": "a.mp4", "contentType": "video/mp4", "fileSize": 5}
    signed = client.post("/api/videos/uploads", json=upload, headers=auth()).get_json()
    url = signed["uploadUrl"].removeprefix(config.public_url)
    assert client.put(url, data=b"12345", headers=signed["headers"]).status_code == 503


@pytest.mark.parametrize(
    ("query", "size"), [("", (360, 640)), ("?at=2500", (360, 640)), ("?sheet=true", (421, 736))]
)
def test_preview_is_a_picture_of_the_video(
    client: FlaskClient,
    auth: Auth,
    clip: Path,
    register: Callable[..., TestResponse],
    query: str,
    size: tuple[int, int],
) -> None:
    path = f"/api/videos/{register().get_json()['id']}/preview{query}"
    answer = client.get(path, headers=auth())
    assert (answer.status_code, answer.content_type) == (200, "image/jpeg")
    with av.open(io.BytesIO(answer.data), format="mjpeg") as image:
        stream = image.streams.video[0]
        assert (stream.codec_context.width, stream.codec_context.height) == size
    again = client.get(path, headers={**auth(), "If-None-Match": answer.headers["ETag"]})
    assert (again.status_code, again.data) == (304, b"")


class HeldPictures:
    """Takes the place of the extraction of a still, and takes its time where it is told to."""

    def __init__(self) -> None:
        self.may_end = threading.Event()
        self.begun = threading.Semaphore(0)

    def __call__(self, storage: Any, key: str, *args: Any) -> bytes:
        if key.startswith("mallory"):
            self.begun.release()
            assert self.may_end.wait(60)
        return b"a picture"


@pytest.fixture
def pictures(monkeypatch: pytest.MonkeyPatch) -> HeldPictures:
    held = HeldPictures()
    module = import_module("app.videos.preview")  # its package has a function of this name
    monkeypatch.setattr(module, "still", held)
    monkeypatch.setattr(module, "WAIT_SECONDS", 0.3)
    return held


@pytest.fixture
def paths(folder: Path, register: Callable[..., TestResponse]) -> dict[str, str]:
    """The path to the preview of a video of each of three users."""
    made = {}
    for user in ("alice", "mallory", "mallory2"):
        (folder / user).mkdir()
        (folder / user / "clip.mp4").write_bytes(clip_bytes())
        made[user] = f"/api/videos/{register(f'{user}/clip.mp4', user=user).get_json()['id']}"
    return {user: f"{path}/preview" for user, path in made.items()}


def test_slow_previews_of_one_user_leave_a_place_to_others(
    app: Flask, auth: Auth, pictures: HeldPictures, paths: dict[str, str]
) -> None:
    def ask(user: str) -> TestResponse:
        return app.test_client().get(paths[user], headers=auth(user))

    with ThreadPoolExecutor() as threads:
        slow = [threads.submit(ask, "mallory") for _ in range(2)]
        assert pictures.begun.acquire(timeout=60)
        time.sleep(0.1)
        others = ask("alice")
        own = ask("mallory")
        pictures.may_end.set()
        statuses = sorted(each.result(60).status_code for each in slow)
    assert others.status_code == 200
    # Callers that wait for long would occupy every thread of the process.
    assert (own.status_code, "Retry-After" in own.headers) == (503, True)
    assert statuses == [200, 503]


def test_preview_beyond_the_places_of_the_process_is_refused_soon(
    app: Flask, auth: Auth, pictures: HeldPictures, paths: dict[str, str]
) -> None:
    def ask(user: str) -> TestResponse:
        return app.test_client().get(paths[user], headers=auth(user))

    with ThreadPoolExecutor() as threads:
        slow = [threads.submit(ask, user) for user in ("mallory", "mallory2")]
        for _ in slow:
            assert pictures.begun.acquire(timeout=60)
        refused = ask("alice")
        pictures.may_end.set()
        assert [each.result(60).status_code for each in slow] == [200, 200]
    assert (refused.status_code, "Retry-After" in refused.headers) == (503, True)
    assert ask("alice").status_code == 200


def test_preview_of_what_is_not_there(
    client: FlaskClient, auth: Auth, clip: Path, register: Callable[..., TestResponse]
) -> None:
    path = f"/api/videos/{register().get_json()['id']}/preview"
    assert client.get(f"{path}?at=9000", headers=auth()).status_code == 409
    assert client.get(f"{path}?at=soon", headers=auth()).status_code == 400
    assert client.get(path, headers=auth("bob")).status_code == 404
    clip.unlink()
    assert client.get(path, headers=auth()).status_code == 409


def test_preview_of_an_invalid_video_says_what_is_wrong_with_it(
    app: Flask, client: FlaskClient, auth: Auth
) -> None:
    """It will never have one: to wait for it would be in vain."""
    with app.app_context():
        video = make_video(state=VideoState.INVALID, state_reason="The file is not a video.")
    answer = client.get(f"/api/videos/{video.id}/preview", headers=auth())
    assert (answer.status_code, answer.get_json()["error"]) == (409, "The file is not a video.")
