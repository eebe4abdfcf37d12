"""Videos of a folder by signed link."""

from __future__ import annotations

import shutil
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from flask import Flask
from flask.testing import FlaskClient

from app.clock import utcnow
from app.config import Config
from app.storage.links import LinkSigner

BODY = bytes(range(256)) * 4000


@pytest.fixture
def database_url(tmp_path: Path, sqlite_template: Path) -> str:
    """One database only: nothing here asks it."""
    path = tmp_path / "publishing.db"
    shutil.copy(sqlite_template, path)
    return f"sqlite:///{path}"


@pytest.fixture
def link(app: Flask, config: Config) -> str:
    """A link to a file of `BODY`."""
    config.video_dir.mkdir(exist_ok=True)
    (config.video_dir / "clip.mp4").write_bytes(BODY)
    url: str = app.extensions["storage"].signed_get_url("clip.mp4", 60)
    assert url.startswith(f"{config.public_url}/media/")
    return url.removeprefix(config.public_url)


def test_the_whole(client: FlaskClient, link: str) -> None:
    answer = client.get(link)
    assert answer.status_code == 200
    assert answer.data == BODY
    assert answer.headers["Content-Type"] == "video/mp4"
    assert answer.headers["Accept-Ranges"] == "bytes"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.content_length == len(BODY)


def test_head(client: FlaskClient, link: str) -> None:
    answer = client.head(link)
    assert (answer.status_code, answer.data) == (200, b"")
    assert answer.content_length == len(BODY)
    part = client.head(link, headers={"Range": "bytes=0-9"})
    assert (part.status_code, part.content_length) == (206, 10)


@pytest.mark.parametrize(
    ("asked", "first", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=0-99", 0, 100),
        ("bytes=1000-", 1000, len(BODY)),
        ("bytes=-100", len(BODY) - 100, len(BODY)),
        (f"bytes=0-{len(BODY) * 10}", 0, len(BODY)),
        (f"bytes={len(BODY) - 1}-", len(BODY) - 1, len(BODY)),
        ("bytes=0-", 0, len(BODY)),
    ],
)
def test_a_part(client: FlaskClient, link: str, asked: str, first: int, end: int) -> None:
    answer = client.get(link, headers={"Range": asked})
    assert answer.status_code == 206
    assert answer.data == BODY[first:end]
    assert answer.headers["Content-Range"] == f"bytes {first}-{end - 1}/{len(BODY)}"
    assert answer.content_length == end - first


@pytest.mark.parametrize("asked", [f"bytes={len(BODY)}-", f"bytes={len(BODY)}-{len(BODY) + 5}"])
def test_a_part_that_there_is_not(client: FlaskClient, link: str, asked: str) -> None:
    answer = client.get(link, headers={"Range": asked})
    assert answer.status_code == 416
    assert answer.headers["Content-Range"] == f"bytes */{len(BODY)}"


@pytest.mark.parametrize(
    "headers",
    [
        {"Range": "bytes=0-1,5-6"},
        {"Range": "lines=0-1"},
        {"Range": "bytes=x"},
        {"Range": "bytes=5-1"},
        {"Range": "bytes=0-9", "If-Range": '"of another version"'},
        {"Range": "bytes=0-9", "If-Range": "Wed, 21 Oct 2015 07:28:00 GMT"},
    ],
)
def test_what_is_answered_with_the_whole(
    client: FlaskClient, link: str, headers: dict[str, str]
) -> None:
    answer = client.get(link, headers=headers)
    assert (answer.status_code, len(answer.data)) == (200, len(BODY))


def test_if_range_of_this_version(client: FlaskClient, link: str) -> None:
    etag = client.head(link).headers["ETag"]
    answer = client.get(link, headers={"Range": "bytes=0-9", "If-Range": etag})
    assert (answer.status_code, answer.data) == (206, BODY[:10])


def test_bad_links(client: FlaskClient, link: str, config: Config) -> None:
    signer = LinkSigner(config.token_encryption_keys)
    later = utcnow() + timedelta(hours=1)
    ended = signer.sign_download("clip.mp4", utcnow() - timedelta(seconds=1))
    foreign = LinkSigner(["another key"]).sign_download("clip.mp4", later)
    token = link.rpartition("/")[2]
    for bad in (ended, foreign, token[:-2] + "AA", "x", token.replace(".", ""), "%00", "ü.ü"):
        answer: Any = client.get(f"/media/{bad}")
        assert answer.status_code == 403, bad
        assert answer.content_type == "application/problem+json"
    for key in ("nothing.mp4", "../publishing.db", "/etc/passwd"):
        gone = client.get(f"/media/{signer.sign_download(key, later)}")
        assert gone.status_code == 404, key


def test_an_empty_file(client: FlaskClient, app: Flask, link: str, config: Config) -> None:
    (config.video_dir / "empty.mp4").write_bytes(b"")
    url: str = app.extensions["storage"].signed_get_url("empty.mp4", 60)
    answer = client.get(url.removeprefix(config.public_url))
    assert (answer.status_code, answer.data) == (200, b"")
