"""Reads the URLs of the database and of Redis, and checks them as their drivers will read them.

Nothing connects here. A driver that meets an option it does not know fails only at its first call,
in the middle of work.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

from psycopg import Error, pq
from psycopg.conninfo import make_conninfo
from redis import ConnectionPool
from redis.exceptions import RedisError
from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from app.causes import mask_passwords_of, masked
from app.config import VAR_DIR
from app.environment import Environment, is_url

_DRIVERS = ("postgresql+psycopg://", "sqlite:///")
_REDIS_SCHEMES = ("redis", "rediss", "unix")
#: The options of redis-py that may differ here. Others, such as `decode_responses`, it would take
#: as well, and the code would not understand its replies.
_REDIS_OPTIONS = frozenset(
    {
        "client_name",
        "db",
        "health_check_interval",
        "password",
        "protocol",
        "socket_connect_timeout",
        "socket_keepalive",
        "socket_timeout",
        "ssl_ca_certs",
        "ssl_ca_path",
        "ssl_cert_reqs",
        "ssl_certfile",
        "ssl_check_hostname",
        "ssl_keyfile",
        "ssl_password",
        "username",
    }
)
#: Of a URL with an @ behind its host: what looks like a path or an option is a part of a password,
#: and must not be repeated.
UNENCODED = "must have its password percent-encoded: / as %2F, ? as %3F, @ as %40"
#: A socket that cannot exist: libpq checks all options before it looks for it.
_NOWHERE = {"host": "/dev/null/nowhere", "hostaddr": None, "port": None}
_LOOKED = "connection to server on socket"


def read_database_url(env: Environment) -> str:
    """Return SQLAlchemy's URL of the database, by default a SQLite file."""
    value = env.text("DATABASE_URL")
    if not value:
        return f"sqlite:///{VAR_DIR / 'publishing.db'}"
    for prefix in ("postgres://", "postgresql://"):
        if value.startswith(prefix):
            value = "postgresql+psycopg://" + value.removeprefix(prefix)
    mask_passwords_of(value)
    if fault := _database_fault(value):
        env.fault("DATABASE_URL", masked(fault))
    return value


def read_redis_url(env: Environment) -> str:
    """Return the URL of Redis, by default the socket of `make run`."""
    value = env.text("REDIS_URL") or f"unix://{VAR_DIR / 'redis.sock'}"
    mask_passwords_of(value)
    if fault := _redis_fault(value):
        env.fault("REDIS_URL", masked(fault))
    is_unverified = env.choice("REDIS_TLS_VERIFY", "true", ("true", "false")) == "false"
    if is_unverified and value.startswith("rediss://"):
        value += ("&" if "?" in value else "?") + "ssl_cert_reqs=none&ssl_check_hostname=false"
    return value


def _database_fault(url: str) -> str:
    """Return what is wrong with SQLAlchemy's URL of a database; empty if nothing is."""
    try:
        made = make_url(url)
        if not url.startswith(_DRIVERS):
            raise ValueError
    except (ArgumentError, ValueError):
        return "must be a postgres://, postgresql:// or sqlite:/// URL"
    if made.get_backend_name() == "sqlite":
        return ""
    _, options = made.get_dialect()().create_connect_args(made)
    return _libpq_fault({**options, **_NOWHERE})


def _libpq_fault(options: dict[str, Any]) -> str:
    """Return libpq's own sentence about an unknown option, or a value that it does not take."""
    try:
        attempt = pq.PGconn.connect_start(make_conninfo(**options).encode())
        sentence = attempt.get_error_message()
        attempt.finish()
    except Error as exc:
        sentence = str(exc)
    except UnicodeError:
        sentence = "has a character that is none"
    return "" if sentence.startswith(_LOOKED) else sentence.strip().partition("\n")[0]


def _redis_fault(url: str) -> str:
    """Return what is wrong with a URL of Redis; empty if nothing is."""
    scheme = url.partition("://")[0]  # redis-py takes no capitals
    if scheme not in _REDIS_SCHEMES or not is_url(url, _REDIS_SCHEMES):
        return "must be a redis://, rediss:// or unix:// URL"
    parts = urlsplit(url)
    if "@" in parts.path + parts.query and scheme != "unix":
        return UNENCODED
    if scheme != "unix" and not f"0{parts.path.strip('/')}".isdecimal():
        return f"the database must be a number, not {parts.path.strip('/')!r}"
    if fault := _option_fault(scheme, parts.query):
        return fault
    try:
        ConnectionPool.from_url(url).make_connection()
    except (RedisError, ValueError, TypeError) as exc:
        return str(exc).partition("\n")[0]
    return ""


def _option_fault(scheme: str, query: str) -> str:
    """Return which option is wrong for a scheme of Redis; empty if none is."""
    for name, _ in parse_qsl(query):
        if name not in _REDIS_OPTIONS:
            return f"has an option that it does not take: {name}"
        if name.startswith("ssl_") and scheme != "rediss":
            return f"{name} is for rediss:// only"
    return ""
