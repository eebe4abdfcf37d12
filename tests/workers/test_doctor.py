"""The doctor: what is right is confirmed, and what is wrong is named."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import Text, type_coerce, update

from app import create_base
from app.accounts.disconnect import disconnect_account
from app.clock import utcnow
from app.config import ROOT, VAR_DIR, Config
from app.crypto import Cipher
from app.extensions import db
from app.models import Account
from app.platforms import PLATFORMS
from app.settings import config_from_env
from tests.databases import ON_SQLITE
from tests.factories import make_account
from tests.processes import PATIENCE_SECONDS, environment
from workers.doctor.checks import CHECKS
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
