"""Keys are rotated: old secrets are encrypted anew, and the old key can go."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import select

from app import create_app, rotation
from app.config import Config
from app.extensions import db
from app.models import Account
from tests.factories import make_account

SECRETS = 2 * 3


def tokens_of(config: Config) -> set[tuple[str | None, str | None]]:
    """Read the accounts' tokens with the keys of a configuration."""
    app = create_app(config)
    with app.app_context():
        found = db.session.execute(select(Account.access_token, Account.refresh_token)).all()
        db.session.remove()
        db.engine.dispose()
    app.extensions["redis"].close()
    return {(row[0], row[1]) for row in found}


def test_old_key_can_go_after_the_command(
    app: Flask, config: Config, context: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rotation, "BATCH", 2)
    for number in range(3):
        make_account(access_token=f"access-{number}", refresh_token=f"refresh-{number}")
    db.session.commit()
    new = Fernet.generate_key().decode()
    rotating = replace(config, token_encryption_keys=(new, *config.token_encryption_keys))
    other = create_app(rotating)
    with other.app_context():
        run = other.test_cli_runner()
        first, again = (run.invoke(args=["rotate-keys"]).output for _ in range(2))
        db.engine.dispose()
    other.extensions["redis"].close()
    assert first == f"{SECRETS} secrets encrypted anew\n"
    assert again == "0 secrets encrypted anew\n"
    assert tokens_of(replace(config, token_encryption_keys=(new,))) == {
        (f"access-{number}", f"refresh-{number}") for number in range(3)
    }
