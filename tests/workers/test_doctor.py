"""The doctor: what is right is confirmed, and what is wrong is named."""

from __future__ import annotations

import os
import re
import socket
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from redis import Redis
from sqlalchemy import Engine, Text, text, type_coerce, update

from app import create_base
from app.accounts.disconnect import disconnect_account
from app.clock import utcnow
from app.config import ROOT, VAR_DIR, Config
from app.crypto import Cipher
from app.extensions import db
from app.models import Account
from app.platforms import PLATFORMS
from app.settings import config_from_env
from tests.databases import ON_POSTGRES, ON_SQLITE
from tests.factories import make_account
from tests.hosts import Host, host
from tests.processes import PATIENCE_SECONDS, environment
from workers.doctor.__main__ import main
from workers.doctor.checks import CHECKS, check_public_url, check_storage, version_fault
from workers.doctor.conversion import check_conversion
from workers.doctor.finding import Finding

pytestmark = pytest.mark.usefixtures("platforms")


def findings(config: Config) -> dict[str, Finding]:
    """Check settings, without the conversion; return the findings by the variable they concern."""
    config = replace(config, encode_concurrency=0)
    app = create_base(config)
    with app.app_context():
        found = [check(config) for check in CHECKS]
        db.session.remove()
        db.engine.dispose()
    app.extensions["redis"].close()
    return {finding.part: finding for finding in found}


def test_healthy_settings_have_no_fault(app: Flask, config: Config, context: None) -> None:
    make_account()
    faults = [finding for finding in findings(config).values() if not finding.is_good]
    assert faults == []


def test_tables_that_are_not_there_are_told_with_the_command(
    config: Config, tmp_path: Path
) -> None:
    found = findings(replace(config, database_url=f"sqlite:///{tmp_path / 'empty.db'}"))
    assert not found["DATABASE_URL"].is_good
    assert "python -m app db upgrade" in found["DATABASE_URL"].sentence


@pytest.mark.parametrize(
    ("field", "value", "part"),
    [
        ("database_url", "postgresql+psycopg://nobody@127.0.0.1:9/none", "DATABASE_URL"),
        ("redis_url", "redis://127.0.0.1:9", "REDIS_URL"),
        ("api_keys", (), "API_KEYS"),
        ("tiktok_client_secret", "wrong", "TIKTOK_CLIENT_KEY"),
        ("youtube_client_secret", "wrong", "YOUTUBE_CLIENT_ID"),
        ("facebook_client_secret", "wrong", "FACEBOOK_CLIENT_ID"),
        ("facebook_client_id", "wrong", "FACEBOOK_CLIENT_ID"),
        ("webhook_url", "http://127.0.0.1:9/hook", "WEBHOOK_URL"),
        ("r2_endpoint_url", "http://127.0.0.1:9", "R2_ENDPOINT_URL"),
    ],
)
def test_wrong_part_is_named(config: Config, field: str, value: object, part: str) -> None:
    extra: dict[str, object] = {
        "webhook_secrets": ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",),
        "r2_bucket": "videos",
        "r2_access_key_id": "id",
        "r2_secret_access_key": "secret",
    }
    settings: dict[str, object] = {"jwt_secret": "", **extra, field: value}
    found = findings(replace(config, **settings))  # type: ignore[arg-type]
    assert not found[part].is_good
    if "127.0.0.1:9" in str(value) and part != "WEBHOOK_URL":
        assert re.search("refused|Could not connect", found[part].sentence)


@pytest.mark.parametrize(
    ("platform", "field", "part"),
    [
        ("TIKTOK", "tiktok_client_key", "TIKTOK_CLIENT_KEY"),
        ("YOUTUBE", "youtube_client_id", "YOUTUBE_CLIENT_ID"),
    ],
)
def test_missing_client_is_wrong_only_where_an_account_needs_it(
    config: Config, app: Flask, context: None, platform: str, field: str, part: str
) -> None:
    unset: dict[str, Any] = {field: ""}
    without = replace(config, **unset)
    found = findings(without)[part]
    assert (found.word, found.is_good) == ("note", True)
    assert "is not in use" in found.sentence
    gone = make_account(platform)
    disconnect_account("alice", gone.id, utcnow())
    assert findings(without)[part].is_good
    make_account(platform)
    assert findings(without)[part].word == "wrong"
    others = tuple(name for name in PLATFORMS if name != platform)
    found = findings(replace(without, worker_platforms=others))[part]
    assert (found.word, "WORKER_PLATFORMS" in found.sentence) == ("note", True)


@pytest.mark.parametrize("column", ["access_token", "refresh_token"])
@pytest.mark.parametrize("position", [0, 1])
def test_key_that_some_secret_needs_is_missed(
    config: Config, app: Flask, context: None, column: str, position: int
) -> None:
    accounts = [make_account(refresh_token="old"), make_account(refresh_token="new")]
    secret = type_coerce(Cipher([Fernet.generate_key().decode()]).encrypt("a"), Text)
    lost = update(Account).where(Account.id == accounts[position].id)
    db.session.execute(lost.values({column: secret}))
    db.session.commit()
    found = findings(config)["TOKEN_ENCRYPTION_KEYS"]
    assert (found.is_good, found.sentence) == (
        False,
        "no key in TOKEN_ENCRYPTION_KEYS decrypts this row",
    )


def test_without_the_database_a_missing_client_is_not_judged(config: Config) -> None:
    away = "postgresql+psycopg://nobody@127.0.0.1:9/none"
    found = findings(replace(config, database_url=away, tiktok_client_key=""))
    assert found["TIKTOK_CLIENT_KEY"].word == "note"
    assert found["DATABASE_URL"].word == "wrong"


@pytest.mark.parametrize("part", ["FACEBOOK_CLIENT_ID", "INSTAGRAM_CLIENT_ID"])
def test_client_for_consents_alone_may_be_missing(
    config: Config, app: Flask, context: None, part: str
) -> None:
    """Instagram's tokens are renewed, if at all, without a client."""
    make_account("INSTAGRAM", login_type="instagram")
    unset: dict[str, Any] = {part.lower(): ""}
    without = replace(config, **unset)
    assert findings(without)[part].word == "note"
    elsewhere = findings(replace(without, worker_platforms=("TIKTOK",)))[part]
    assert "WORKER_PLATFORMS" in elsewhere.sentence


def test_dropped_key_is_told(config: Config, app: Flask, context: None) -> None:
    make_account()
    other = "8mUJXk0uGgRjG0pPz3kpHzGf4l4rQh0dW5v0w1o2n3M="
    found = findings(replace(config, token_encryption_keys=(other,)))
    assert not found["TOKEN_ENCRYPTION_KEYS"].is_good


@ON_SQLITE
@pytest.mark.parametrize(
    ("threads", "megabytes", "is_enough"), [(8, 600, False), (1, 600, False), (1, 1200, True)]
)
def test_conversion_is_tried_within_its_bounds(
    config: Config, threads: int, megabytes: int, is_enough: bool
) -> None:
    """600 MB, which a tenth of a second of the same video is content with."""
    assert check_conversion in CHECKS
    found = check_conversion(
        replace(config, encode_threads=threads, encode_memory_mb=megabytes, encode_concurrency=1)
    )
    assert (found.part, found.is_good) == ("ENCODE_MEMORY_MB", is_enough)
    assert f"{megabytes} MB, with ENCODE_THREADS={threads}," in found.sentence
    assert is_enough or found.sentence.endswith("than it is allowed (out_of_memory)")


@ON_SQLITE
def test_conversion_is_not_tried_where_others_convert(config: Config) -> None:
    assert check_conversion(replace(config, encode_concurrency=0)).word == "note"


@ON_SQLITE
def test_report_is_lines_of_its_own_alone(app: Flask, config: Config) -> None:
    """Even if a platform refuses, which is logged elsewhere."""
    done = subprocess.run(
        [sys.executable, "-m", "workers.doctor"],
        cwd=ROOT,
        env=environment(config, LOG_LEVEL=""),
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[0].startswith("ok     settings: ")
    assert [line[:7].strip() in ("ok", "note") for line in lines] == [True] * len(CHECKS)


def test_report_begins_with_what_it_is_about(config: Config) -> None:
    first = CHECKS[0]
    secret = "postgresql+psycopg://ann:secret@db.example:5432/publishing?sslrootcert=here"
    found = first(replace(config, database_url=secret))
    assert (found.part, found.word) == ("settings", "ok")
    assert "postgresql at db.example, publishing" in found.sentence
    assert "TOKEN_ENCRYPTION_KEYS" in found.sentence
    assert "secret" not in found.sentence and "ann" not in found.sentence


def test_report_on_the_defaults_says_that_make_run_has_others() -> None:
    found = CHECKS[0](config_from_env({}))
    assert found.word == "note"
    assert f"sqlite at {VAR_DIR / 'publishing.db'}" in found.sentence
    assert "`make run`" in found.sentence


def test_process_without_settings_reports_on_the_defaults() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "workers.doctor"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.stdout.startswith("note   settings: the defaults, for none is set: sqlite at ")
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("REDIS_URL", "rediss://redis.example?ssl_cert_reqs=CERT_NONE"),
        ("DATABASE_URL", "postgres://u:Geheim@database.example/queue?pgbouncer=true"),
        ("DATABASE_URL", "postgres://u:Geheim@database.example/queue?sslmode=bogus"),
        ("PUBLIC_URL", "https://queue.example/a b"),
        ("TOKEN_ENCRYPTION_KEYS", ","),
    ],
)
def test_setting_that_stops_every_process_is_a_line_of_the_report(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], name: str, value: str
) -> None:
    monkeypatch.setenv("TOKEN_ENCRYPTION_KEYS", Fernet.generate_key().decode())
    monkeypatch.setenv("DATABASE_URL", "sqlite:////var/a.db")
    monkeypatch.setenv(name, value)
    assert main() == 1
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith(f"wrong  {name}: ") and "Geheim" not in line


@ON_POSTGRES
def test_plan_of_too_few_connections_is_told(config: Config, postgres: Engine) -> None:
    """At the default settings a plan of twenty is enough."""
    url = postgres.url.set(username="small").render_as_string(hide_password=False)
    with postgres.connect().execution_options(isolation_level="AUTOCOMMIT") as server:
        server.execute(text("CREATE ROLE small LOGIN CONNECTION LIMIT 20"))
        server.execute(text("GRANT SELECT ON ALL TABLES IN SCHEMA public TO small"))
        enough = findings(replace(config, database_url=url))["DATABASE_URL connections"]
        server.execute(text("ALTER ROLE small CONNECTION LIMIT 12"))
        small = findings(replace(config, database_url=url))["DATABASE_URL connections"]
        server.execute(text("DROP OWNED BY small"))
        server.execute(text("DROP ROLE small"))
    assert enough.is_good and "(web 6, worker 9, scheduler 3), 20 are" in enough.sentence
    assert not small.is_good and "12 are allowed" in small.sentence


def test_redis_of_too_few_clients_is_told(config: Config, app: Flask, redis: Redis) -> None:
    before = redis.config_get("maxclients")["maxclients"]
    redis.config_set("maxclients", 29)
    small = findings(config)["REDIS_URL connections"]
    redis.config_set("maxclients", 30)
    enough = findings(config)["REDIS_URL connections"]
    redis.config_set("maxclients", before)
    assert not small.is_good and "29 are allowed" in small.sentence
    assert enough.is_good and "(web 8, worker 16, scheduler 6)" in enough.sentence


REMOTE = "postgresql+psycopg://ann@192.0.2.1:5432/publishing?connect_timeout=1"


@pytest.mark.parametrize(
    ("database_url", "public_url", "is_good"),
    [
        (REMOTE, "http://127.0.0.1:8000", False),
        (REMOTE, "http://localhost", False),
        (REMOTE, "https://queue.example", True),
        ("postgresql+psycopg://ann@127.0.0.1/publishing", "http://127.0.0.1:8000", True),
        ("postgresql+psycopg://ann@/publishing?host=/run/pg", "http://127.0.0.1:8000", True),
    ],
)
def test_links_to_this_machine_are_wrong_beside_a_remote_database(
    base_config: Config, database_url: str, public_url: str, is_good: bool
) -> None:
    settings = replace(base_config, database_url=database_url, public_url=public_url)
    assert check_public_url(settings).is_good == is_good


def test_folder_beside_a_remote_database_is_noted(
    app: Flask, config: Config, context: None
) -> None:
    assert check_storage(config).word == "ok"
    found = check_storage(replace(config, database_url=REMOTE))
    assert (found.part, found.word) == ("VIDEO_DIR", "note")
    assert "R2_ENDPOINT_URL" in found.sentence


def test_bucket_that_takes_no_object_is_wrong(base_config: Config) -> None:
    """Such as one whose key may read alone."""

    def read_only(host: Host, connection: socket.socket) -> None:
        head = host.head_of(connection)
        status = b"403 Forbidden" if head.startswith(b"PUT") else b"404 Not Found"
        if b"doctor" not in head.partition(b"\r\n")[0]:
            status = b"200 OK"
        connection.sendall(
            b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        )

    with host(read_only) as server:
        settings = replace(
            base_config,
            database_url="sqlite://",
            r2_endpoint_url=server.url,
            r2_bucket="videos",
            r2_access_key_id="id",
            r2_secret_access_key="secret",
        )
        found = findings(settings)["R2_ENDPOINT_URL"]
    assert not found.is_good and "does not store an object" in found.sentence


@pytest.mark.parametrize(
    ("version", "is_fault"), [("6.0.16", True), ("5.0", True), ("6.2.14", False), ("8.1.0", False)]
)
def test_redis_without_blmove_is_wrong(version: str, is_fault: bool) -> None:
    assert (version_fault(version) is not None) == is_fault
