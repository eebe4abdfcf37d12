"""Every setting, read once from the environment, typed and with its unit in its name.

A setting that is wrong stops the process at its start with one line that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from urllib.parse import urlsplit

from cryptography.fernet import Fernet

from app.platforms import PLATFORMS

ROOT = Path(__file__).resolve().parent.parent
VAR_DIR = ROOT / "var"
T = TypeVar("T")


class ConfigError(Exception):
    """Raised with one line for each setting that is missing or wrong."""


@dataclass(frozen=True)
class Config:
    """The settings of the contract; see the README's table for what each one means."""

    database_url: str
    redis_url: str
    public_url: str
    port: int = 8000
    is_production: bool = False

    video_dir: Path = VAR_DIR / "videos"
    r2_endpoint_url: str = ""
    r2_bucket: str = ""
    r2_access_key_id: str = ""
    r2_secret_access_key: str = field(default="", repr=False)

    api_keys: tuple[str, ...] = field(default=(), repr=False)
    jwt_secret: str = field(default="", repr=False)
    token_encryption_keys: tuple[str, ...] = field(default=(), repr=False)
    admin_username: str = ""
    admin_password: str = field(default="", repr=False)
    webhook_url: str = ""
    webhook_secret: str = field(default="", repr=False)

    tiktok_client_key: str = ""
    tiktok_client_secret: str = field(default="", repr=False)
    tiktok_api_url: str = "https://open.tiktokapis.com"
    instagram_graph_url: str = "https://graph.facebook.com"
    instagram_login_url: str = "https://graph.instagram.com"
    instagram_graph_version: str = "v26.0"
    youtube_client_id: str = ""
    youtube_client_secret: str = field(default="", repr=False)
    youtube_api_url: str = "https://www.googleapis.com"
    google_oauth_url: str = "https://oauth2.googleapis.com"
    tiktok_poll_seconds: float = 10.0
    instagram_poll_seconds: float = 15.0
    youtube_poll_seconds: float = 30.0

    worker_platforms: tuple[str, ...] = tuple(PLATFORMS)
    worker_concurrency: int = 5
    retention_days: int = 90
    limits: Mapping[str, int] = field(default_factory=dict)

    log_level: str = "INFO"
    log_format: str = ""
    sentry_dsn: str = field(default="", repr=False)

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Config:
        """Return the settings in `environ`; raises `ConfigError` naming all that is wrong."""
        return _Reader(environ).config()


class _Reader:
    """Reads settings, gathering every fault before it gives up."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._faults: list[str] = []

    def config(self) -> Config:
        port = self.number("PORT", 8000, int, 1, 65535)
        config = Config(
            database_url=self.database_url(),
            redis_url=self.redis_url(),
            public_url=self.url("PUBLIC_URL", f"http://127.0.0.1:{port}"),
            port=port,
            is_production=bool(self.text("DATABASE_URL")),
            video_dir=Path(self.text("VIDEO_DIR") or VAR_DIR / "videos"),
            r2_endpoint_url=self.url("R2_ENDPOINT_URL", ""),
            r2_bucket=self.text("R2_BUCKET"),
            r2_access_key_id=self.text("R2_ACCESS_KEY_ID"),
            r2_secret_access_key=self.text("R2_SECRET_ACCESS_KEY"),
            api_keys=self.several("API_KEYS"),
            jwt_secret=self.text("JWT_SECRET"),
            token_encryption_keys=self.encryption_keys(),
            admin_username=self.text("ADMIN_USERNAME"),
            admin_password=self.text("ADMIN_PASSWORD"),
            webhook_url=self.url("WEBHOOK_URL", ""),
            webhook_secret=self.webhook_secret(),
            worker_platforms=self.worker_platforms(),
            worker_concurrency=self.number("WORKER_CONCURRENCY", 5, int, 1, 64),
            retention_days=self.number("RETENTION_DAYS", 90, int, 1, 36500),
            limits=self.limits(),
            log_level=self.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
            log_format=self.choice("LOG_FORMAT", "", ("text", "json")),
            sentry_dsn=self.text("SENTRY_DSN"),
            **self.platform_settings(),
        )
        self.check_groups(config)
        if self._faults:
            raise ConfigError("\n".join(self._faults))
        return config

    def platform_settings(self) -> dict[str, str | float]:
        """Read what each platform needs; the fields are the variables' names in lower case."""
        settings: dict[str, str | float] = {}
        for name in (
            "TIKTOK_CLIENT_KEY",
            "TIKTOK_CLIENT_SECRET",
            "YOUTUBE_CLIENT_ID",
            "YOUTUBE_CLIENT_SECRET",
        ):
            settings[name.lower()] = self.text(name)
        for name in (
            "TIKTOK_API_URL",
            "INSTAGRAM_GRAPH_URL",
            "INSTAGRAM_LOGIN_URL",
            "YOUTUBE_API_URL",
            "GOOGLE_OAUTH_URL",
        ):
            settings[name.lower()] = self.url(name, getattr(Config, name.lower()))
        for platform in PLATFORMS:
            name = f"{platform}_POLL_SECONDS"
            default: float = getattr(Config, name.lower())
            settings[name.lower()] = self.number(name, default, float, 0.05, 3600.0)
        settings["instagram_graph_version"] = (
            self.text("INSTAGRAM_GRAPH_VERSION") or Config.instagram_graph_version
        )
        return settings

    def check_groups(self, config: Config) -> None:
        """Check the settings that make sense only together."""
        r2 = {
            "R2_ENDPOINT_URL": config.r2_endpoint_url,
            "R2_BUCKET": config.r2_bucket,
            "R2_ACCESS_KEY_ID": config.r2_access_key_id,
            "R2_SECRET_ACCESS_KEY": config.r2_secret_access_key,
        }
        self.together(r2)
        self.together(
            {"ADMIN_USERNAME": config.admin_username, "ADMIN_PASSWORD": config.admin_password}
        )
        self.together(
            {"WEBHOOK_URL": config.webhook_url, "WEBHOOK_SECRET": config.webhook_secret}
        )
        if config.is_production and not config.token_encryption_keys:
            self.fault("TOKEN_ENCRYPTION_KEYS", "is required as soon as DATABASE_URL is set")

    def together(self, settings: Mapping[str, str]) -> None:
        missing = [name for name, value in settings.items() if not value]
        if missing and len(missing) < len(settings):
            others = ", ".join(name for name in settings if name not in missing)
            self.fault(missing[0], f"is missing; it goes with {others}")

    def fault(self, name: str, what: str) -> None:
        self._faults.append(f"{name}: {what}")

    def text(self, name: str) -> str:
        return self._environ.get(name, "").strip()

    def several(self, name: str) -> tuple[str, ...]:
        return tuple(part.strip() for part in self.text(name).split(",") if part.strip())

    def choice(self, name: str, default: str, allowed: tuple[str, ...]) -> str:
        value = self.text(name) or default
        if value != default and value not in allowed:
            self.fault(name, f"is one of {', '.join(allowed)}")
        return value

    def number(self, name: str, default: T, kind: Callable[[str], T], low: T, high: T) -> T:
        written = self.text(name)
        if not written:
            return default
        try:
            value = kind(written)
        except ValueError:
            value = None
        if value is None or not low <= value <= high:  # type: ignore[operator]
            self.fault(name, f"is a number from {low} to {high}, not {written!r}")
            return default
        return value

    def url(self, name: str, default: str) -> str:
        value = self.text(name) or default
        if not value:
            return ""
        parts = urlsplit(value)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            self.fault(name, "is an http:// or https:// URL")
        return value.rstrip("/")

    def database_url(self) -> str:
        value = self.text("DATABASE_URL")
        if not value:
            return f"sqlite:///{VAR_DIR / 'publishing.db'}"
        for prefix in ("postgres://", "postgresql://"):
            if value.startswith(prefix):
                return "postgresql+psycopg://" + value.removeprefix(prefix)
        if not value.startswith(("postgresql+psycopg://", "sqlite:///")):
            self.fault("DATABASE_URL", "is a postgres://, postgresql:// or sqlite:/// URL")
        return value

    def redis_url(self) -> str:
        value = self.text("REDIS_URL") or f"unix://{VAR_DIR / 'redis.sock'}"
        if not value.startswith(("redis://", "rediss://", "unix://")):
            self.fault("REDIS_URL", "is a redis://, rediss:// or unix:// URL")
        return value

    def encryption_keys(self) -> tuple[str, ...]:
        keys = self.several("TOKEN_ENCRYPTION_KEYS")
        for position, key in enumerate(keys, 1):
            try:
                Fernet(key)
            except ValueError:
                self.fault("TOKEN_ENCRYPTION_KEYS", f"key {position} is not a Fernet key")
        return keys

    def webhook_secret(self) -> str:
        value = self.text("WEBHOOK_SECRET")
        if value and not value.startswith("whsec_"):
            self.fault("WEBHOOK_SECRET", "starts with whsec_ (Standard Webhooks)")
        return value

    def worker_platforms(self) -> tuple[str, ...]:
        names = self.several("WORKER_PLATFORMS") or tuple(PLATFORMS)
        for name in names:
            if name not in PLATFORMS:
                self.fault("WORKER_PLATFORMS", f"{name!r} is not one of {', '.join(PLATFORMS)}")
        return names

    def limits(self) -> dict[str, int]:
        return {
            limit.setting: self.number(limit.setting, limit.default, int, 0, 10**9)
            for platform in PLATFORMS.values()
            for limit in platform.limits
        }
