"""Invalid settings stop the process with one line each that names them, and no traceback."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from app.config import ROOT, ConfigError
from app.database.engine import WEB_POOL, engine_options
from app.settings import config_from_env

KEY = Fernet.generate_key().decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("PORT", "eighty"),
        ("PORT", "70000"),
        ("PUBLIC_URL", "ftp://queue.example"),
        ("PUBLIC_URL", "http://["),
        ("PUBLIC_URL", "http://queue.example:port"),
        ("PUBLIC_URL", "http://queue.example:99999"),
        ("PUBLIC_URL", "https://queue.example/a b"),
        ("PUBLIC_URL", "https://queue.example/?a=b"),
        ("PUBLIC_URL", "https://queue.example/#a"),
        ("TIKTOK_API_URL", "http://"),
        ("TIKTOK_API_URL", "http://tiktok.example/a b"),
        ("REDIS_URL", "REDIS://redis.example"),
        ("REDIS_URL", "redis://redis.example/first"),
        ("REDIS_URL", "redis://redis.example?foo=bar"),
        ("REDIS_URL", "redis://redis.example?decode_responses=true"),
        ("REDIS_URL", "redis://redis.example?socket_timeout=abc"),
        ("REDIS_URL", "redis://redis.example?ssl_cert_reqs=none"),
        ("REDIS_URL", "rediss://redis.example?ssl_cert_reqs=CERT_NONE"),
        ("REDIS_URL", "rediss://redis.example?protocol=9"),
        ("DATABASE_URL", "postgres://user:Geheim@database.example/queue?pgbouncer=true"),
        ("DATABASE_URL", "postgres://user:Geheim@database.example/queue?sslmode=bogus"),
        ("DATABASE_URL", "postgres://user:Geheim@database.example/queue?service=none"),
        ("DATABASE_URL", "POSTGRES://user:Geheim@database.example/queue"),
        ("REDIS_URL", "http://redis.example"),
        ("REDIS_URL", "redis://redis.example:port"),
        ("REDIS_URL", "redis://["),
        ("REDIS_TLS_VERIFY", "maybe"),
        ("DATABASE_URL", "mysql://database.example/queue"),
        ("DATABASE_URL", "sqlite://queue.db"),
        ("DATABASE_URL", "postgres://user@database.example:port/queue"),
        ("DATABASE_URL", "queue.db"),
        ("WEBHOOK_SECRET", "secret"),
        ("WEBHOOK_SECRET", "whsec_"),
        ("WEBHOOK_SECRET", "whsec_%%"),
        ("WEBHOOK_SECRET", "whsec_c2VjcmV0,secret"),
        ("WEBHOOK_SECRET", ","),
        ("INSTAGRAM_VIDEO_BY", "post"),
        ("TIKTOK_VIDEO_BY", "url"),
        ("INSTAGRAM_GRAPH_VERSION", "../v26.0"),
        ("TOKEN_ENCRYPTION_KEYS", "short"),
        ("CORS_ORIGINS", "app.example"),
        ("CORS_ORIGINS", "https://app.example/"),
        ("CONNECT_RETURN_URLS", "javascript:alert(1)"),
        ("CONNECT_RETURN_URLS", "https://app.example/?next="),
        ("CONNECT_RETURN_URLS", "https://user@app.example/"),
        ("WORKER_PLATFORMS", "VIMEO"),
        ("LIMIT_TIKTOK_POSTS_PER_DAY", "-1"),
        ("TIKTOK_POLL_SECONDS", "nan"),
        ("LOG_LEVEL", "LOUD"),
    ],
)
def test_invalid_setting_is_named(name: str, value: str) -> None:
    others = {"TOKEN_ENCRYPTION_KEYS": KEY, "WEBHOOK_URL": "https://back.example/hook"}
    others["WEBHOOK_SECRET"] = "whsec_c2VjcmV0"
    with pytest.raises(ConfigError) as refused:
        config_from_env({**others, name: value})
    assert str(refused.value).startswith(f"{name}: ")
    assert "\n" not in str(refused.value) and "Geheim" not in str(refused.value)


def test_encryption_keys_of_commas_alone_are_missing() -> None:
    with pytest.raises(ConfigError, match=r"\ATOKEN_ENCRYPTION_KEYS: is required"):
        config_from_env({"DATABASE_URL": "sqlite:////var/a.db", "TOKEN_ENCRYPTION_KEYS": " , ,"})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DATABASE_URL", "postgres://user:p#s/s?w%40@database.example/queue"),
        ("DATABASE_URL", "sqlite:////var/queue.db"),
        ("REDIS_URL", "rediss://:secret@redis.example:6380/0"),
        ("REDIS_URL", "unix:///run/redis.sock"),
        ("REDIS_URL", "unix:///run/redis.sock?db=1"),
        ("REDIS_URL", "redis://redis.example:6379/0?protocol=2&socket_timeout=5"),
        ("REDIS_URL", "rediss://redis.example/?ssl_cert_reqs=none"),
        ("DATABASE_URL", "postgresql://u:p@database.example:6543/queue?sslmode=require"),
        ("DATABASE_URL", "postgres://u@/queue?host=one.example:1&host=two.example:2"),
        ("DATABASE_URL", "postgres://u@/queue?host=/run/postgresql&application_name=a"),
        ("DATABASE_URL", "postgres://u@database.example/q?sslmode=verify-full&sslrootcert=system"),
        ("PUBLIC_URL", "https://queue.example/"),
        ("CORS_ORIGINS", "https://app.example, http://localhost:3000"),
        ("CONNECT_RETURN_URLS", "https://app.example/accounts"),
        ("WEBHOOK_SECRET", "whsec_c2VjcmV0, whsec_bmV3"),
        ("INSTAGRAM_GRAPH_VERSION", "v27.0"),
        ("INSTAGRAM_VIDEO_BY", "bytes"),
    ],
)
def test_valid_setting_is_accepted(name: str, value: str) -> None:
    others = {"TOKEN_ENCRYPTION_KEYS": KEY, "WEBHOOK_URL": "https://back.example/hook"}
    others["WEBHOOK_SECRET"] = "whsec_c2VjcmV0"
    config_from_env({**others, name: value})


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        (
            "LIMIT_TIKTOK_POST_PER_DAY",
            "is no setting; the nearest are LIMIT_TIKTOK_POSTS_PER_DAY,"
            " LIMIT_TIKTOK_POSTS_PER_MINUTE",
        ),
        ("LIMIT_X", "is no setting"),
    ],
)
def test_misspelt_limit_is_named_with_the_nearest_ones(name: str, sentence: str) -> None:
    with pytest.raises(ConfigError) as refused:
        config_from_env({name: "10", "LIMIT_YOUTUBE_UPLOADS_PER_DAY": "5", "PATH": "/bin"})
    assert str(refused.value) == f"{name}: {sentence}"


@pytest.mark.parametrize(
    "command",
    [
        ["python", "-m", "app", "db", "upgrade"],
        ["gunicorn", "--config", "python:app.serving", "app:create_app()"],
        ["python", "-m", "workers.worker"],
        ["python", "-m", "workers.scheduler"],
    ],
    ids=lambda command: command[0] + command[-1],
)
def test_every_process_ends_with_a_line_that_names_the_fault(command: list[str]) -> None:
    program = str(Path(sys.executable).parent / command[0])
    ended = subprocess.run(
        [program, *command[1:]],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "REDIS_URL": "memcached://localhost"},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == ["REDIS_URL: must be a redis://, rediss:// or unix:// URL"]


def test_file_beside_a_command_is_no_setting(tmp_path: Path) -> None:
    """Flask itself would read it for its own commands, and for no other process."""
    (tmp_path / ".env").write_text("REDIS_URL=memcached://localhost")
    done = subprocess.run(
        [sys.executable, "-m", "app", "rotate-keys", "--help"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=240,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "Encrypt all secrets" in done.stdout


@pytest.mark.parametrize(
    ("name", "url"),
    [
        ("REDIS_URL", "redis://default:12/Secret99xyz@redis.example:6379"),
        ("REDIS_URL", "redis://default:12?Secret99xyz=ab@redis.example:6379"),
        ("DATABASE_URL", "postgres://ann:Secret99xyz@database.example/queue?bogus=Secret99xyz"),
    ],
)
def test_wrong_url_is_refused_without_its_password(name: str, url: str) -> None:
    with pytest.raises(ConfigError) as raised:
        config_from_env({name: url, "TOKEN_ENCRYPTION_KEYS": KEY})
    assert f"{name}: " in str(raised.value) and "Secret99xyz" not in str(raised.value)


def test_options_of_the_database_url_reach_the_server() -> None:
    url = "postgresql+psycopg://ann@database.example/queue?options=-c%20search_path%3Dother"
    given = engine_options(url, WEB_POOL)["connect_args"]["options"]
    assert given.startswith("-c search_path=other -c statement_timeout=")
