"""Direct uploads: signed links, and the endpoint that receives files for a folder."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from app.clock import utcnow
from app.config import Config
from app.database.transaction import transaction
from app.extensions import db
from app.ids import new_id
from app.models import Video
from app.states import VideoState
from app.storage import UploadGrant
from app.storage.links import LinkSigner
from app.videos import settle_upload, settle_uploads
from app.videos.register import RESERVED
from app.videos.settle import GRACE
from tests.app.clips import clip_bytes

Auth = Callable[..., dict[str, str]]
Sign = Callable[..., dict[str, Any]]
Send = Callable[..., TestResponse]


@pytest.fixture
def sign(client: FlaskClient, auth: Auth) -> Sign:
    """Ask for a link; it must be given."""

    def ask(size: int = 0, user: str = "alice", **changes: Any) -> dict[str, Any]:
        size = size or len(clip_bytes())
        body = {"filename": "My film.MP4", "contentType": "video/mp4", "fileSize": size, **changes}
        answer = client.post("/api/videos/uploads", json=body, headers=auth(user))
        assert answer.status_code == 201, answer.json
        signed: dict[str, Any] = answer.get_json()
        return signed

    return ask


@pytest.fixture
def send(client: FlaskClient, config: Config) -> Send:
    """Send a body by a link, as the link's answer says."""

    def put(signed: dict[str, Any], body: bytes | None = None, **options: Any) -> TestResponse:
        path = signed["uploadUrl"].removeprefix(config.public_url)
        headers = {**signed["headers"], **options.pop("headers", {})}
        content = clip_bytes() if body is None else body
        return client.open(path, method="PUT", data=content, headers=headers, **options)

    return put


def files_in(folder: Path) -> list[str]:
    return [path.name for path in folder.rglob("*") if path.is_file()]


def test_an_upload_becomes_a_video(
    client: FlaskClient, auth: Auth, config: Config, sign: Sign, send: Send
) -> None:
    signed = sign()
    assert set(signed) == {"videoId", "uploadUrl", "method", "headers", "expiresAt"}
    assert signed["uploadUrl"].startswith(f"{config.public_url}/api/videos/uploads/")
    assert (signed["method"], signed["headers"]) == ("PUT", {"Content-Type": "video/mp4"})
    path = f"/api/videos/{signed['videoId']}"
    waiting = client.get(path, headers=auth()).get_json()
    assert (waiting["state"], waiting["codecs"]) == ("uploading", None)
    sent = send(signed)
    assert (sent.status_code, sent.data) == (204, b"")
    video = client.get(path, headers=auth()).get_json()
    assert video["state"] == "ready"
    assert video["title"] == "My film"
    assert video["r2Key"] == f"uploads/{signed['videoId']}.mp4"
    assert video["fileSize"] == len(clip_bytes())
    assert video["resolution"] == "360x640"
    assert client.get("/api/videos", headers=auth()).get_json()["videos"] == [video]


def listed(client: FlaskClient, auth: Auth) -> dict[str, str]:
    answer = client.get("/api/videos", headers=auth())
    assert answer.status_code == 200
    return {video["id"]: video["state"] for video in answer.get_json()["videos"]}


def state_of(video_id: str) -> VideoState:
    with transaction() as session:
        return session.get_one(Video, video_id).state


def test_upload_is_known_as_soon_as_it_has_come_through_the_service(
    app: Flask, sign: Sign, send: Send
) -> None:
    film, text = sign(), sign(5)
    assert (send(film).status_code, send(text, b"12345").status_code) == (204, 204)
    with app.app_context():
        assert state_of(film["videoId"]) is VideoState.READY
        assert state_of(text["videoId"]) is VideoState.INVALID


def test_list_knows_which_uploads_have_arrived_in_the_store(
    client: FlaskClient, auth: Auth, config: Config, sign: Sign
) -> None:
    """As they do where the store is a bucket: this service sees nothing of them."""
    arrived, awaited = sign()["videoId"], sign()["videoId"]
    (config.video_dir / "uploads").mkdir(parents=True)
    (config.video_dir / f"uploads/{arrived}.mp4").write_bytes(clip_bytes())
    assert listed(client, auth) == {arrived: "ready", awaited: "uploading"}


def test_list_is_answered_while_the_store_is_away(
    client: FlaskClient, auth: Auth, config: Config, sign: Sign
) -> None:
    video_id = sign()["videoId"]
    config.video_dir.write_text("no folder any more")
    assert listed(client, auth) == {video_id: "uploading"}


def test_list_looks_for_uploads_for_a_while_only(app: Flask, config: Config, sign: Sign) -> None:
    video_id = sign()["videoId"]
    (config.video_dir / "uploads").mkdir(parents=True)
    (config.video_dir / f"uploads/{video_id}.mp4").write_bytes(clip_bytes())
    with app.app_context():
        with transaction() as session:
            rows = [session.get_one(Video, video_id)]
        assert [row.state for row in settle_uploads(rows, 0)] == [VideoState.UPLOADING]
        assert [row.state for row in settle_uploads(rows, 5)] == [VideoState.READY]


def test_an_upload_that_is_no_video_is_invalid(
    client: FlaskClient, auth: Auth, sign: Sign, send: Send
) -> None:
    signed = sign(5)
    assert send(signed, b"12345").status_code == 204
    video = client.get(f"/api/videos/{signed['videoId']}", headers=auth()).get_json()
    assert video["state"] == "invalid"
    assert video["stateReason"] == "The file is not a video, or it is damaged."


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"filename", "contentType", "fileSize"}),
        ({"filename": "", "contentType": "text/html", "fileSize": 0}, None),
        ({"filename": 1, "contentType": 1, "fileSize": "5"}, None),
        ({"filename": "x" * 256, "contentType": None, "fileSize": 4 * 10**9 + 1}, None),
        ({"filename": "a\x00b", "contentType": "video/", "fileSize": 10**400}, None),
        ({"filename": "a\nb", "contentType": "video/mp4;x=\ny", "fileSize": -1}, None),
        ({"filename": [], "contentType": {}, "fileSize": 1.5}, None),
        ({"filename": "", "contentType": "video/mp4;x=é", "fileSize": 0}, None),
        ({"filename": "", "contentType": "video/mp4;" + "x" * 300, "fileSize": 0}, None),
        ({"filename": "", "contentType": "application/octet-streams", "fileSize": 0}, None),
        ({"filename": {}, "contentType": ["video/mp4"], "fileSize": True}, None),
        ({"filename": "a", "contentType": "video/mp4", "fileSize": 1, "key": "x"}, {"key"}),
    ],
)
def test_sign_refuses_bad_bodies(
    client: FlaskClient, auth: Auth, body: Any, fields: set[str] | None
) -> None:
    answer = client.post("/api/videos/uploads", json=body, headers=auth())
    assert answer.status_code == 400
    assert set(answer.get_json()["errors"]) == (fields or {"filename", "contentType", "fileSize"})


@pytest.mark.parametrize(
    ("filename", "content_type", "ending", "title"),
    [
        ("holiday.mov", "video/quicktime", "mov", "holiday"),
        ("holiday.exe", "video/mp4", "mp4", "holiday"),
        ("../../etc/passwd", "video/webm", "webm", "passwd"),
        ("C:\\films\\a.b.MP4", "video/mp4", "mp4", "a.b"),
        ("no ending", "video/mp4", "mp4", "no ending"),
        ("Füße 🎬.m4v", "video/mp4", "m4v", "Füße 🎬"),
        (".mp4", "video/mp4", "mp4", ".mp4"),
        ("/", "video/mp4", "mp4", "Untitled"),
        ("holiday.mkv", "video/x-matroska", "mkv", "holiday"),
        ("holiday.MTS", "video/mp2t", "mts", "holiday"),
        ("holiday.avi", "video/avi", "avi", "holiday"),
        ("holiday.m4v", "application/octet-stream", "m4v", "holiday"),
        ("blob", "video/webm;codecs=vp9", "webm", "blob"),
        ("no ending", "video/x-matroska", "mkv", "no ending"),
    ],
)
def test_the_key_is_ours(
    client: FlaskClient,
    auth: Auth,
    sign: Sign,
    filename: str,
    content_type: str,
    ending: str,
    title: str,
) -> None:
    signed = sign(filename=filename, contentType=content_type)
    video = client.get(f"/api/videos/{signed['videoId']}", headers=auth()).get_json()
    assert video["r2Key"] == f"uploads/{signed['videoId']}.{ending}"
    assert video["title"] == title


@pytest.mark.parametrize(
    ("filename", "content_type"),
    [("film.exe", "application/octet-stream"), ("film", "video/nobody-knows")],
)
def test_key_of_an_unknown_type_has_no_ending(
    client: FlaskClient, auth: Auth, sign: Sign, filename: str, content_type: str
) -> None:
    signed = sign(filename=filename, contentType=content_type)
    video = client.get(f"/api/videos/{signed['videoId']}", headers=auth()).get_json()
    assert video["r2Key"] == f"uploads/{signed['videoId']}"


@pytest.mark.parametrize(
    ("given", "signed_for"),
    [
        ("video/x-matroska", "video/x-matroska"),
        ("video/x-m4v", "video/x-m4v"),
        ("application/octet-stream", "application/octet-stream"),
        # A browser's own form of a type, as it sends it for a `Blob` by itself.
        ("video/webm;codecs=vp9", "video/webm;codecs=vp9"),
        ('video/mp4; codecs="avc1.64003E,opus"', 'video/mp4; codecs="avc1.64003e,opus"'),
        ("VIDEO/MP4", "video/mp4"),
    ],
)
def test_link_is_for_the_type_that_a_browser_sends(
    client: FlaskClient, auth: Auth, sign: Sign, send: Send, given: str, signed_for: str
) -> None:
    signed = sign(contentType=given)
    assert signed["headers"] == {"Content-Type": signed_for}
    assert send(signed, headers={"Content-Type": "video/other"}).status_code == 400
    assert send(signed).status_code == 204
    video = client.get(f"/api/videos/{signed['videoId']}", headers=auth()).get_json()
    assert (video["state"], video["format"]) == ("ready", "mp4")


def test_a_link_works_once(sign: Sign, send: Send, app: Flask) -> None:
    signed = sign()
    assert send(signed).status_code == 204
    again = send(signed)
    assert again.status_code == 409
    assert "already" in again.get_json()["error"]
    with app.app_context():
        assert settle_upload(signed["videoId"]).state is VideoState.READY
    assert send(signed).status_code == 409


class HeldBody(io.RawIOBase):
    """A body whose second half comes once it may, or never."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self._halves = [content[: len(content) // 2], content[len(content) // 2 :]]
        self.is_begun, self.may_end = threading.Event(), threading.Event()

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        if len(self._halves) == 1:
            self.is_begun.set()
            assert self.may_end.wait(60)
        piece = self._halves.pop(0) if self._halves else b""
        buffer[: len(piece)] = piece
        return len(piece)


def test_a_link_takes_one_upload_at_a_time(
    app: Flask, sign: Sign, send: Send, config: Config
) -> None:
    """Each would fill the disk with a file of its own."""
    signed = sign(1000)
    path = signed["uploadUrl"].removeprefix(config.public_url)
    body = HeldBody(b"x" * 1000)
    environ = {"wsgi.input": body, "CONTENT_LENGTH": "1000"}
    sent = {"environ_overrides": environ, "headers": signed["headers"]}
    with ThreadPoolExecutor() as threads:
        first = threads.submit(lambda: app.test_client().put(path, **sent))
        assert body.is_begun.wait(60)
        second = send(signed, b"y" * 1000)
        files = files_in(config.video_dir)
        body.may_end.set()
        assert first.result(60).status_code == 204
    assert (second.status_code, len(files)) == (503, 1)
    assert int(second.headers["Retry-After"]) > 0
    assert "under way" in second.get_json()["error"]
    [stored] = (config.video_dir / "uploads").iterdir()
    assert stored.read_bytes() == b"x" * 1000


def test_a_body_of_another_length_is_refused(sign: Sign, send: Send, config: Config) -> None:
    signed = sign(1000)
    longer = send(signed, b"x" * 1001)
    assert longer.status_code == 413
    assert "1000 bytes" in longer.get_json()["error"]
    assert send(signed, b"x" * 999).status_code == 400
    assert send(signed, b"").status_code in (400, 411)  # a client may leave a 0 out
    assert files_in(config.video_dir) == []
    assert send(signed, b"x" * 1000).status_code == 204


def test_a_body_that_breaks_off_leaves_nothing(
    client: FlaskClient, sign: Sign, send: Send, config: Config
) -> None:
    signed = sign(1000)
    path = signed["uploadUrl"].removeprefix(config.public_url)
    broken = {"input_stream": BytesIO(b"x" * 400), "content_length": 1000}
    short = client.put(path, headers=signed["headers"], **broken)
    assert short.status_code == 400
    assert files_in(config.video_dir) == []
    assert send(signed, b"x" * 1000).status_code == 204


def test_a_body_without_a_length_is_refused(
    sign: Sign, client: FlaskClient, config: Config
) -> None:
    signed = sign(1000)
    path = signed["uploadUrl"].removeprefix(config.public_url)
    environ = {"wsgi.input": BytesIO(b"x" * 1000), "wsgi.input_terminated": True}
    answer = client.put(path, headers=signed["headers"], environ_overrides=environ)
    assert answer.status_code == 411


def test_a_body_of_another_type_is_refused(sign: Sign, send: Send) -> None:
    signed = sign(5)
    for other in ("text/html", "video/webm", ""):
        refused = send(signed, b"12345", headers={"Content-Type": other})
        assert refused.status_code == 400, other
        assert "video/mp4" in refused.get_json()["error"]


def test_an_expired_link_is_refused(
    sign: Sign, client: FlaskClient, config: Config, app: Flask
) -> None:
    signed = sign(5)
    ended = utcnow() - timedelta(seconds=1)
    grant = UploadGrant(f"uploads/{signed['videoId']}.mp4", "video/mp4", 5, ended)
    token = LinkSigner(config.token_encryption_keys).sign_upload(grant)
    answer = client.put(f"/api/videos/uploads/{token}", data=b"12345", headers=signed["headers"])
    assert answer.status_code == 403
    assert "expired" in answer.get_json()["error"]


def test_a_changed_link_is_refused(sign: Sign, client: FlaskClient, config: Config) -> None:
    signed = sign(5)
    token = signed["uploadUrl"].rpartition("/")[2]
    payload, _, mac = token.partition(".")
    foreign = LinkSigner(["another key"]).sign_upload(
        UploadGrant("uploads/x.mp4", "video/mp4", 5, utcnow() + timedelta(hours=1))
    )
    download = LinkSigner(config.token_encryption_keys).sign_download(
        f"uploads/{signed['videoId']}.mp4", utcnow() + timedelta(hours=1)
    )
    changed = [
        f"{payload[:-2]}AA.{mac}",
        f"{payload}.{mac[:-2]}AA",
        f"{payload}.",
        payload,
        f".{mac}",
        "x",
        "ü.ü",
        "a" * 5000,
        foreign,
        download,
    ]
    for one in changed:
        answer = client.put(f"/api/videos/uploads/{one}", data=b"12345", headers=signed["headers"])
        assert answer.status_code == 403, one
        assert answer.content_type == "application/problem+json"
    assert files_in(config.video_dir) == []


def test_deleting_an_upload_deletes_its_object(
    client: FlaskClient, auth: Auth, sign: Sign, send: Send, config: Config
) -> None:
    signed = sign()
    send(signed)
    assert files_in(config.video_dir) == [f"{signed['videoId']}.mp4"]
    assert client.delete(f"/api/videos/{signed['videoId']}", headers=auth()).status_code == 204
    assert files_in(config.video_dir) == []
    refused = send(signed)
    assert refused.status_code == 403
    assert "deleted" in refused.get_json()["error"]


def test_an_upload_of_another_user_cannot_be_registered(
    client: FlaskClient, auth: Auth, sign: Sign, send: Send
) -> None:
    signed = sign()
    send(signed)
    body = {"r2Key": f"uploads/{signed['videoId']}.mp4", "title": "Mine"}
    refused = client.post("/api/videos", json=body, headers=auth("bob"))
    assert refused.status_code == 400
    assert refused.get_json()["errors"] == {"r2Key": [RESERVED]}
    # Whether there is one cannot be told from the answer.
    body["r2Key"] = f"uploads/{new_id()}.mp4"
    assert client.post("/api/videos", json=body, headers=auth("bob")).get_json() == (
        refused.get_json()
    )


def test_an_upload_may_be_registered_by_its_user(
    client: FlaskClient, auth: Auth, sign: Sign, send: Send, config: Config
) -> None:
    signed = sign()
    send(signed)
    body = {"r2Key": f"uploads/{signed['videoId']}.mp4", "title": "Mine"}
    known = client.post("/api/videos", json=body, headers=auth())
    assert known.status_code == 200
    assert known.get_json()["id"] == signed["videoId"]
    assert (known.get_json()["title"], known.get_json()["state"]) == ("Mine", "ready")
    # It is still ours to delete.
    client.delete(f"/api/videos/{signed['videoId']}", headers=auth())
    assert files_in(config.video_dir) == []


def test_settle_ends_an_upload_that_never_came(app: Flask, sign: Sign) -> None:
    signed = sign()
    with app.app_context():
        assert settle_upload(signed["videoId"]).state is VideoState.UPLOADING
        with transaction() as session:
            row = session.get_one(Video, signed["videoId"])
            row.upload_expires_at = utcnow() - GRACE - timedelta(seconds=1)
        video = settle_upload(signed["videoId"])
        assert video.state is VideoState.INVALID
        assert "did not arrive" in video.state_reason
        assert settle_upload(signed["videoId"]).state is VideoState.INVALID
        db.session.remove()


def test_settle_does_not_touch_what_is_settled(app: Flask, sign: Sign, send: Send) -> None:
    signed = sign()
    send(signed)
    with app.app_context():
        first = settle_upload(signed["videoId"])
        etag = first.etag
        (app.config["SETTINGS"].video_dir / first.r2_key).write_bytes(b"replaced")
        assert settle_upload(signed["videoId"]).etag == etag
