"""Reads the settings from environment variables.

An invalid setting stops the process at startup with one line that names it.
"""

from __future__ import annotations

import base64
import os
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet

from app.config import VAR_DIR, Config, ConfigError
from app.environment import Environment, is_url
from app.platforms import PLATFORMS
from app.server_urls import read_database_url, read_redis_url

_POLL_BOUNDS = (0.05, 3600.0)
JWT_SECRET_MIN_BYTES = 32
_NUMBERS = {
    "ENCODE_CONCURRENCY": (0, 64),
    "ENCODE_DISK_MB": (100, 10**7),
    "ENCODE_MEMORY_MB": (256, 10**6),
    "ENCODE_THREADS": (0, 256),
    "ENCODE_MINUTES": (1, 1440),
    "RENDITION_DAYS": (1, 36500),
}
_ORIGIN = re.compile(r"https?://[^\s/?#@,]+", re.IGNORECASE)
_PLAIN_URL = re.compile(r"https?://[^\s?#@,\\]+", re.IGNORECASE)
_SECRETS_AND_IDS = (
    "R2_BUCKET",
    "R2_ACCESS_KEY_ID",
    "R2_SECRET_ACCESS_KEY",
    "ADMIN_USERNAME",
    "ADMIN_PASSWORD",
    "TIKTOK_CLIENT_KEY",
    "TIKTOK_CLIENT_SECRET",
    "FACEBOOK_CLIENT_ID",
    "FACEBOOK_CLIENT_SECRET",
    "INSTAGRAM_CLIENT_ID",
    "INSTAGRAM_CLIENT_SECRET",
    "YOUTUBE_CLIENT_ID",
    "YOUTUBE_CLIENT_SECRET",
)
_URLS = (
    "R2_ENDPOINT_URL",
    "WEBHOOK_URL",
    "TIKTOK_API_URL",
    "TIKTOK_CONSENT_URL",
    "FACEBOOK_CONSENT_URL",
    "INSTAGRAM_CONSENT_URL",
    "INSTAGRAM_TOKEN_URL",
    "INSTAGRAM_GRAPH_URL",
    "INSTAGRAM_LOGIN_URL",
    "YOUTUBE_API_URL",
    "GOOGLE_OAUTH_URL",
    "GOOGLE_CONSENT_URL",
)


def process_config() -> Config:
    """Return the settings of this process, or exit with a line per invalid one."""
    try:
        return config_from_env(os.environ)
    except ConfigError as error:
        sys.exit(str(error))


def config_from_env(variables: Mapping[str, str]) -> Config:
    """Return the settings; raises `ConfigError` with a line per invalid one."""
    env = Environment(variables)
    port = env.number("PORT", 8000, int, (1, 65535))
    config = Config(
        database_url=read_database_url(env),
        redis_url=read_redis_url(env),
        public_url=_public_url(env, port),
        port=port,
        web_concurrency=env.number("WEB_CONCURRENCY", 2, int, (1, 64)),
        jwt_secret=_jwt_secret(env),
        cors_origins=_cors_origins(env),
        connect_return_urls=_return_urls(env),
        video_dir=Path(env.text("VIDEO_DIR") or VAR_DIR / "videos"),
        api_keys=env.several("API_KEYS"),
        token_encryption_keys=_encryption_keys(env),
        webhook_secrets=_webhook_secrets(env),
        instagram_graph_version=_graph_version(env),
        tiktok_video_by=env.choice("TIKTOK_VIDEO_BY", "bytes", ("link", "bytes")),
        instagram_video_by=env.choice("INSTAGRAM_VIDEO_BY", "link", ("link", "bytes")),
        worker_platforms=_worker_platforms(env),
        worker_concurrency=env.number("WORKER_CONCURRENCY", 5, int, (1, 64)),
        retention_days=env.number("RETENTION_DAYS", 90, int, (1, 36500)),
        limits=_limits(env),
        priority_aging_minutes=env.number("PRIORITY_AGING_MINUTES", 60.0, float, (0, 525600)),
        circuit_failures=env.number("CIRCUIT_FAILURES", 5, int, (1, 1000)),
        circuit_pause_seconds=env.number("CIRCUIT_PAUSE_SECONDS", 30.0, float, (0.1, 3600)),
        encode_dir=Path(env.text("ENCODE_DIR") or VAR_DIR / "encode"),
        log_level=env.choice("LOG_LEVEL", "INFO", ("DEBUG", "INFO", "WARNING", "ERROR")),
        log_format=env.choice("LOG_FORMAT", "", ("text", "json")),
        sentry_dsn=_sentry_dsn(env),
        **_same_name_settings(env),
    )
    _check_groups(env)
    if env.faults:
        raise ConfigError("\n".join(env.faults))
    return config


def _same_name_settings(env: Environment) -> dict[str, Any]:
    """Read the variables whose field is their own name in lower case."""
    settings: dict[str, Any] = {name.lower(): env.text(name) for name in _SECRETS_AND_IDS}
    for name in _URLS:
        settings[name.lower()] = env.url(name, getattr(Config, name.lower()))
    for name, bounds in _NUMBERS.items():
        settings[name.lower()] = env.number(name, getattr(Config, name.lower()), int, bounds)
    for platform in PLATFORMS:
        name = f"{platform}_POLL_SECONDS"
        default: float = getattr(Config, name.lower())
        settings[name.lower()] = env.number(name, default, float, _POLL_BOUNDS)
    return settings


def _graph_version(env: Environment) -> str:
    value = env.text("INSTAGRAM_GRAPH_VERSION") or Config.instagram_graph_version
    if not re.fullmatch(r"v[0-9]+\.[0-9]+", value):
        env.fault("INSTAGRAM_GRAPH_VERSION", "must be a version such as v26.0")
    return value


def _check_groups(env: Environment) -> None:
    """Check settings that only make sense together."""
    env.together("R2_ENDPOINT_URL", "R2_BUCKET", "R2_ACCESS_KEY_ID", "R2_SECRET_ACCESS_KEY")
    env.together("ADMIN_USERNAME", "ADMIN_PASSWORD")
    env.together("TIKTOK_CLIENT_KEY", "TIKTOK_CLIENT_SECRET")
    env.together("YOUTUBE_CLIENT_ID", "YOUTUBE_CLIENT_SECRET")
    env.together("FACEBOOK_CLIENT_ID", "FACEBOOK_CLIENT_SECRET")
    env.together("INSTAGRAM_CLIENT_ID", "INSTAGRAM_CLIENT_SECRET")
    env.together("WEBHOOK_URL", "WEBHOOK_SECRET")
    if env.text("DATABASE_URL") and not env.several("TOKEN_ENCRYPTION_KEYS"):
        env.fault("TOKEN_ENCRYPTION_KEYS", "is required as soon as DATABASE_URL is set")


def _public_url(env: Environment, port: int) -> str:
    value = env.url("PUBLIC_URL", f"http://127.0.0.1:{port}")
    # Paths are appended to it.
    if not env.has_fault("PUBLIC_URL") and not _PLAIN_URL.fullmatch(value):
        env.fault("PUBLIC_URL", "must have no user, query or fragment")
    return value


def _encryption_keys(env: Environment) -> tuple[str, ...]:
    keys = env.several("TOKEN_ENCRYPTION_KEYS")
    for position, key in enumerate(keys, 1):
        try:
            Fernet(key)
        except ValueError:
            env.fault("TOKEN_ENCRYPTION_KEYS", f"key {position} is not a Fernet key")
    return keys


def _jwt_secret(env: Environment) -> str:
    value = env.text("JWT_SECRET")
    # RFC 7518 §3.2: an HS256 key has at least as many bits as the hash.
    if value and len(value.encode()) < JWT_SECRET_MIN_BYTES:
        env.fault("JWT_SECRET", f"must have at least {JWT_SECRET_MIN_BYTES} bytes")
    return value


def _cors_origins(env: Environment) -> tuple[str, ...]:
    origins = env.several("CORS_ORIGINS") or Config.cors_origins
    for origin in origins:
        # RFC 6454 §6.1: scheme, host and optional port, nothing more.
        if origin != "*" and not _ORIGIN.fullmatch(origin):
            env.fault("CORS_ORIGINS", f"{origin!r} is not an origin such as https://app.example")
    return tuple(origin.lower() for origin in origins)


def _return_urls(env: Environment) -> tuple[str, ...]:
    urls = env.several("CONNECT_RETURN_URLS")
    for url in urls:
        if not is_url(url, ("http", "https")) or not _PLAIN_URL.fullmatch(url):
            env.fault("CONNECT_RETURN_URLS", f"{url!r} is not a URL without a query")
    return urls


def _sentry_dsn(env: Environment) -> str:
    value = env.text("SENTRY_DSN")
    if value:
        from sentry_sdk.utils import BadDsn, Dsn  # not small, so imported only if used

        try:
            Dsn(value)
        except BadDsn:
            env.fault("SENTRY_DSN", "is not a Sentry DSN")
    return value


def _webhook_secrets(env: Environment) -> tuple[str, ...]:
    secrets = env.several("WEBHOOK_SECRET")
    for position, secret in enumerate(secrets, 1):
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except ValueError:
            key = b""
        if not (secret.startswith("whsec_") and key):
            what = "is not whsec_ followed by a base64 key (Standard Webhooks)"
            env.fault("WEBHOOK_SECRET", f"secret {position} {what}")
    if env.text("WEBHOOK_SECRET") and not secrets:
        env.fault("WEBHOOK_SECRET", "contains no secret")
    return secrets


def _worker_platforms(env: Environment) -> tuple[str, ...]:
    names = env.several("WORKER_PLATFORMS") or tuple(PLATFORMS)
    for name in names:
        if name not in PLATFORMS:
            env.fault("WORKER_PLATFORMS", f"{name!r} is not one of {', '.join(PLATFORMS)}")
    return names


def _limits(env: Environment) -> dict[str, int]:
    limits = {one.setting: one.default for each in PLATFORMS.values() for one in each.limits}
    env.refuse_others("LIMIT_", limits)
    return {name: env.number(name, default, int, (0, 10**9)) for name, default in limits.items()}
