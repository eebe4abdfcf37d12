"""Every setting, typed, its unit in its name; `app.settings` reads them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from flask import current_app

from app.platforms import PLATFORMS

ROOT = Path(__file__).resolve().parent.parent
VAR_DIR = ROOT / "var"


class ConfigError(Exception):
    """Raised with one line per missing or invalid setting."""


@dataclass(frozen=True)
class Config:
    """All settings; the README's table explains each one."""

    database_url: str
    redis_url: str
    public_url: str
    port: int = 8000
    web_concurrency: int = 2

    video_dir: Path = VAR_DIR / "videos"
    r2_endpoint_url: str = ""
    r2_bucket: str = ""
    r2_access_key_id: str = ""
    r2_secret_access_key: str = field(default="", repr=False)

    api_keys: tuple[str, ...] = field(default=(), repr=False)
    #: origins whose pages may call the API; `*`: all
    cors_origins: tuple[str, ...] = ("*",)
    #: where browsers may return to after a consent
    connect_return_urls: tuple[str, ...] = ()
    jwt_secret: str = field(default="", repr=False)
    token_encryption_keys: tuple[str, ...] = field(default=(), repr=False)
    admin_username: str = ""
    admin_password: str = field(default="", repr=False)
    webhook_url: str = ""
    #: each signs, so that the receiver may use the old one or the new one during rotation
    webhook_secrets: tuple[str, ...] = field(default=(), repr=False)

    tiktok_client_key: str = ""
    tiktok_client_secret: str = field(default="", repr=False)
    tiktok_api_url: str = "https://open.tiktokapis.com"
    tiktok_consent_url: str = "https://www.tiktok.com"
    tiktok_video_by: str = "bytes"
    facebook_client_id: str = ""
    facebook_client_secret: str = field(default="", repr=False)
    facebook_consent_url: str = "https://www.facebook.com"
    instagram_client_id: str = ""
    instagram_client_secret: str = field(default="", repr=False)
    instagram_consent_url: str = "https://www.instagram.com"
    instagram_token_url: str = "https://api.instagram.com"
    instagram_graph_url: str = "https://graph.facebook.com"
    instagram_login_url: str = "https://graph.instagram.com"
    instagram_graph_version: str = "v26.0"
    instagram_video_by: str = "link"
    youtube_client_id: str = ""
    youtube_client_secret: str = field(default="", repr=False)
    youtube_api_url: str = "https://www.googleapis.com"
    google_oauth_url: str = "https://oauth2.googleapis.com"
    google_consent_url: str = "https://accounts.google.com"
    tiktok_poll_seconds: float = 10.0
    instagram_poll_seconds: float = 15.0
    youtube_poll_seconds: float = 30.0

    worker_platforms: tuple[str, ...] = tuple(PLATFORMS)
    worker_concurrency: int = 5
    retention_days: int = 90

    encode_concurrency: int = 1
    encode_dir: Path = VAR_DIR / "encode"
    encode_disk_mb: int = 20_000
    encode_memory_mb: int = 4096
    encode_threads: int = 0
    encode_minutes: int = 120
    rendition_days: int = 7

    limits: Mapping[str, int] = field(default_factory=dict)
    priority_aging_minutes: float = 60.0
    circuit_failures: int = 5
    circuit_pause_seconds: float = 30.0

    log_level: str = "INFO"
    log_format: str = ""
    sentry_dsn: str = field(default="", repr=False)


def current_config() -> Config:
    """Return the configuration of the current Flask application."""
    config = current_app.config["SETTINGS"]
    assert isinstance(config, Config)
    return config
