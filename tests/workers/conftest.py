"""Fixtures of the workers: sandbox platforms, a real film in the store, connected accounts."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.config import Config
from app.models import Account, Video
from app.storage import Storage
from app.videos.examine import examine, set_facts
from sandbox.development.sample_videos import make_sample_video
from sandbox.server import SandboxServer
from tests.factories import make_account, make_video
from tests.media.corpus import make_film as make_film_of_corpus
from tests.media.corpus import pictures, run_ffmpeg
from tests.platforms import Platforms, settings_of

Store = Callable[[Path], Video]


@pytest.fixture(scope="session")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SandboxServer]:
    """One sandbox for the whole session."""
    with SandboxServer(tmp_path_factory.mktemp("platforms")) as server:
        yield server


@pytest.fixture
def platforms(sandbox: SandboxServer) -> Iterator[Platforms]:
    """The sandbox's control API, with nothing live and no faults."""
    with Platforms(sandbox.url) as control:
        control.reset()
        yield control


@pytest.fixture(scope="session")
def film(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A real video that every platform accepts unchanged."""
    return make_sample_video(tmp_path_factory.mktemp("films") / "film.mp4", seconds=4, hue=0)


@pytest.fixture
def config(config: Config, sandbox: SandboxServer) -> Config:
    """Settings with the sandbox as platforms, polled often."""
    return replace(
        config,
        connect_return_urls=("https://app.example/accounts",),
        **settings_of(sandbox.url, poll_seconds=0.1),
    )


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    """Make the application current."""
    with app.app_context():
        yield


@pytest.fixture
def stored(app: Flask, context: None) -> Store:
    """Return a function that makes a file a video of alice's, in the store and probed."""

    def store(path: Path) -> Video:
        storage: Storage = app.extensions["storage"]
        key = f"videos/{path.name}"
        with path.open("rb") as body:
            storage.write(key, body, path.stat().st_size)
        video = Video(user_id="alice", r2_key=key)
        set_facts(video, *examine(key))
        columns = {name: value for name, value in vars(video).items() if not name.startswith("_")}
        return make_video(**columns)

    return store


@pytest.fixture
def stored_film(stored: Store, film: Path) -> Video:
    """The film in the store."""
    return stored(film)


@pytest.fixture(scope="session")
def short_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file that TikTok and Instagram accept only after a full transcode."""
    return make_film_of_corpus("clip.avi", tmp_path_factory.mktemp("clips"))


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file whose transcode takes long enough for a test to interfere."""
    path = tmp_path_factory.mktemp("clips") / "long.avi"
    source = pictures(seconds="8", extra=",noise=alls=40:allf=t")
    run_ffmpeg(*source, "-c:v", "mjpeg", "-q:v", "9", str(path))
    return path


def connect(platforms: Platforms, platform: str, **options: Any) -> Account:
    """Connect a new account of the sandbox, as `PUT /api/accounts` would."""
    given = platforms.account(platform, **options)
    expires_at = given.get("expiresAt")
    return make_account(
        platform,
        platform_user_id=given["platformUserId"],
        username=given.get("username") or "",
        login_type=given.get("loginType") or "",
        scopes=given.get("scopes") or [],
        access_token=given["accessToken"],
        refresh_token=given.get("refreshToken"),
        expires_at=(
            datetime.fromisoformat(expires_at.replace("Z", "+00:00")) if expires_at else None
        ),
    )
