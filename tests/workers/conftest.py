"""What workers need: platforms that answer, a real film in the store, connected accounts."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.config import Config
from app.models import Account, Video
from app.storage import Storage
from app.videos.examine import describe, examine
from sandbox.films import make_film
from sandbox.server import SandboxServer
from tests.factories import make_account, make_video
from tests.platforms import Platforms


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
    """A real video that every platform takes as it is."""
    return make_film(tmp_path_factory.mktemp("films") / "film.mp4", seconds=4, hue=0)


@pytest.fixture
def config(config: Config, sandbox: SandboxServer) -> Config:
    """Settings with the sandbox for platforms, asked often."""
    return replace(
        config,
        tiktok_api_url=f"{sandbox.url}/tiktok",
        tiktok_client_key="sandbox-client",
        tiktok_client_secret="sandbox-secret",
        tiktok_consent_url=f"{sandbox.url}/tiktok",
        facebook_client_id="sandbox-client",
        facebook_client_secret="sandbox-secret",
        facebook_consent_url=f"{sandbox.url}/graph",
        instagram_client_id="sandbox-client",
        instagram_client_secret="sandbox-secret",
        instagram_consent_url=f"{sandbox.url}/instagram",
        instagram_token_url=f"{sandbox.url}/instagram",
        instagram_graph_url=f"{sandbox.url}/graph",
        instagram_login_url=f"{sandbox.url}/instagram",
        youtube_api_url=f"{sandbox.url}/youtube",
        youtube_client_id="sandbox-client",
        youtube_client_secret="sandbox-secret",
        google_oauth_url=f"{sandbox.url}/google",
        google_consent_url=f"{sandbox.url}/google",
        connect_return_urls=("https://app.example/accounts",),
        tiktok_poll_seconds=0.1,
        instagram_poll_seconds=0.1,
        youtube_poll_seconds=0.1,
    )


@pytest.fixture
def context(app: Flask) -> Iterator[None]:
    """Make the application current."""
    with app.app_context():
        yield


@pytest.fixture
def stored_film(app: Flask, context: None, film: Path) -> Video:
    """The film in the store, probed, as a video of alice's."""
    storage: Storage = app.extensions["storage"]
    key = "videos/film.mp4"
    with film.open("rb") as body:
        storage.write(key, body, film.stat().st_size)
    stored, facts = examine(key)
    video = Video(user_id="alice", r2_key=key)
    describe(video, stored, facts)
    columns = {name: value for name, value in vars(video).items() if not name.startswith("_")}
    return make_video(**columns)


def connect(platforms: Platforms, platform: str, **options: Any) -> Account:
    """Connect a fresh account of the sandbox's, as `PUT /api/accounts` would."""
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
