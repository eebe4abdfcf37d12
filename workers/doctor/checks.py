"""The checks of the parts that the settings name, except the platforms' clients."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import fields
from io import BytesIO
from urllib.parse import urlsplit

from redis.exceptions import RedisError
from sqlalchemy import make_url
from sqlalchemy.exc import SQLAlchemyError

from app.causes import why
from app.clock import to_iso, utcnow
from app.config import VAR_DIR, Config
from app.crypto import UndecryptableError
from app.database.versions import SCHEMA_VERSION, outdated_tables
from app.extensions import db
from app.ids import new_id
from app.publishing import outbox
from app.queues import current_redis
from app.rotation import check_secrets
from app.settings import config_from_env
from app.storage import current_storage
from app.storage.errors import ObjectMissing, StorageError
from workers.doctor.clients import CLIENT_CHECKS
from workers.doctor.conversion import check_conversion
from workers.doctor.finding import Finding
from workers.doctor.plans import check_clients, check_connections
from workers.errors import PublishError
from workers.media.ffmpeg import NoFfmpeg, find_ffmpeg
from workers.webhooks.request import send_webhook

#: The oldest Redis with `BLMOVE`.
REDIS_MIN = (6, 2)
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def check_settings(config: Config) -> Finding:
    """Tell which settings are checked: beside `make run`, a shell has only the defaults."""
    defaults = config_from_env({})
    names = [one.name for one in fields(config)]
    count = sum(getattr(config, name) != getattr(defaults, name) for name in names)
    url = make_url(config.database_url)
    host = f"{url.host}, " if url.host else ""
    parts = f"{url.get_backend_name()} at {host}{url.database}, tokens encrypted with " + (
        "TOKEN_ENCRYPTION_KEYS" if config.token_encryption_keys else f"the key under {VAR_DIR}"
    )
    if count:
        return Finding("settings", True, f"{count} differ from the default: {parts}")
    words = f"the defaults, for none is set: {parts}; `make run` has settings of its own"
    return Finding("settings", True, words, is_note=True)


def check_database(config: Config) -> Finding:
    """Connect, and compare the schema's version with the project's."""
    try:
        outdated = outdated_tables()
    except SQLAlchemyError as exc:
        return Finding("DATABASE_URL", False, f"cannot be reached: {why(exc)}")
    if outdated:
        return Finding("DATABASE_URL", False, outdated)
    return Finding("DATABASE_URL", True, f"{db.engine.dialect.name}, version {SCHEMA_VERSION}")


def check_redis(config: Config) -> Finding:
    """Connect, and check that a full memory evicts nothing."""
    try:
        info = current_redis().info()
    except RedisError as exc:
        return Finding("REDIS_URL", False, f"cannot be reached: {why(exc)}")
    assert isinstance(info, dict)
    version = str(info.get("redis_version"))
    if (fault := version_fault(version)) is not None:
        return Finding("REDIS_URL", False, fault)
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        return Finding("REDIS_URL", False, f"evicts keys ({policy}); it should be noeviction")
    return Finding("REDIS_URL", True, f"Redis {version}")


def version_fault(version: str) -> str | None:
    """Return what a version of Redis lacks; None for one that is new enough."""
    numbers = tuple(int(number) for number in re.findall(r"\d+", version)[:2])
    if numbers and numbers < REDIS_MIN:
        return f"is version {version}; 6.2 is the oldest that can move a run and wait (BLMOVE)"
    return None


def check_storage(config: Config) -> Finding:
    """Ask for an object that cannot exist: only a working store says that it does not. Then store
    one, as renditions are, and delete it."""
    name = "R2_ENDPOINT_URL" if config.r2_endpoint_url else "VIDEO_DIR"
    key, store = f"doctor/{new_id()}", current_storage()
    try:
        store.stat(key)
    except ObjectMissing:
        pass
    except StorageError as exc:
        return Finding(name, False, _in_words(exc))
    else:
        return Finding(name, False, "returned an object that was never stored")
    does = "store an object"
    try:
        store.write(key, BytesIO(b"doctor"), len(b"doctor"))
        does = "delete an object"
        store.delete(key)
    except StorageError as exc:
        return Finding(name, False, f"does not {does}, as renditions need: {_in_words(exc)}")
    return _placed(config, name, reaches_platforms=store.has_public_links)


def _placed(config: Config, name: str, *, reaches_platforms: bool) -> Finding:
    """Tell whether the processes of other machines see the same store."""
    if not config.r2_endpoint_url and has_remote_database(config):
        words = "a folder, while the database is on another machine: unless all machines mount it, "
        words += "workers find no video; set R2_ENDPOINT_URL"
        return Finding(name, True, words, is_note=True)
    reach = "" if reaches_platforms else "; platforms cannot fetch from it"
    return Finding(name, True, f"the video store responds, stores and deletes{reach}")


def check_public_url(config: Config) -> Finding:
    """Check that links are not to this machine alone, where others take part."""
    host = urlsplit(config.public_url).hostname
    if host in LOOPBACK and has_remote_database(config):
        words = f"is {config.public_url}, which no other machine reaches, though the database is on"
        return Finding("PUBLIC_URL", False, f"{words} one: links would lead nowhere")
    return Finding("PUBLIC_URL", True, config.public_url)


def has_remote_database(config: Config) -> bool:
    """Tell whether the database is on another machine."""
    url = make_url(config.database_url)
    host = url.host or str(url.query.get("host", ""))
    return bool(host) and not host.startswith("/") and host not in LOOPBACK


def _in_words(error: StorageError) -> str:
    """Return a store's sentence, with the words of what caused it."""
    return f"{error} {why(error.__cause__)}" if error.__cause__ else str(error)


def check_keys(config: Config) -> Finding:
    """Decrypt stored tokens and checkpoints, of old rows and of new ones."""
    name = "TOKEN_ENCRYPTION_KEYS"
    try:
        check_secrets()
    except UndecryptableError as exc:
        return Finding(name, False, str(exc))
    except SQLAlchemyError:
        return Finding(name, False, "cannot be checked without the database")
    return Finding(name, True, "stored secrets can be read")


def check_ffmpeg(config: Config) -> Finding:
    """Say which ffmpeg converts videos, and where."""
    try:
        ffmpeg = find_ffmpeg()
    except NoFfmpeg as exc:
        return Finding("ffmpeg", False, f"cannot convert videos: {exc}")
    return Finding("ffmpeg", True, f"{ffmpeg.origin}, version {ffmpeg.version}, {ffmpeg.path}")


def check_callers(config: Config) -> Finding:
    """Check that any caller is accepted at all."""
    if not config.api_keys and not config.jwt_secret:
        return Finding("API_KEYS", False, "is not set, so every call is refused")
    return Finding("API_KEYS", True, f"{len(config.api_keys)} service keys")


def check_webhook(config: Config) -> Finding:
    """Send the receiver a signed event of the type `doctor.ping`."""
    if not config.webhook_url:
        return Finding("WEBHOOK_URL", True, "is not set: notifications are stored, not sent")
    event = {"type": outbox.PING, "timestamp": to_iso(utcnow()), "data": {}}
    try:
        status = send_webhook(config, new_id(), json.dumps(event))
    except PublishError as error:
        return Finding("WEBHOOK_URL", False, f"cannot be reached ({error.code})")
    return Finding("WEBHOOK_URL", 200 <= status < 300, f"the receiver returned HTTP {status}")


CHECKS: tuple[Callable[[Config], Finding], ...] = (
    check_settings,
    check_database,
    check_connections,
    check_redis,
    check_clients,
    check_storage,
    check_public_url,
    check_keys,
    check_ffmpeg,
    check_conversion,
    check_callers,
    *CLIENT_CHECKS.values(),
    check_webhook,
)
