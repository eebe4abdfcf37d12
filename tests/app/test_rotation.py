"""Key rotation: old secrets are re-encrypted, and the old key can be removed."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import pairwise

import pytest
from cryptography.fernet import Fernet
from flask import Flask
from sqlalchemy import select, update

from app import create_app, rotation
from app.config import Config
from app.database.transaction import transaction
from app.extensions import db
from app.ids import new_id
from app.models import Account, PublishJob
from tests.factories import make_account, make_job

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


@contextmanager
def around(app: Flask) -> Iterator[None]:
    """Make an application current, and let go of its connections afterwards."""
    with app.app_context():
        yield
        db.session.remove()
        db.engine.dispose()


def checkpoint_of(job_id: str) -> object:
    """Read what the platform gave for a job."""
    query = select(PublishJob.checkpoint).where(PublishJob.id == job_id)
    with transaction() as session:
        return session.scalar(query)


def assert_understood(writer: Flask, reader: Flask, headers: dict[str, str]) -> None:
    """Have one process read, send and open whatever another one has written and handed out."""
    sent = {"filename": "film.mp4", "contentType": "video/mp4", "fileSize": 5}
    with around(writer):
        account = make_account(access_token=f"token-{new_id()}")
        job, checkpoint = make_job(account=account), {"publish_id": new_id()}
        written = update(PublishJob).where(PublishJob.id == job.id).values(checkpoint=checkpoint)
        with transaction() as session:
            session.execute(written)
        token, state = account.access_token, writer.extensions["states"].sign("consent")
        signed = writer.test_client().post("/api/videos/uploads", json=sent, headers=headers).json
        assert signed is not None
        key = f"uploads/{signed['videoId']}.mp4"
        link = writer.extensions["storage"].signed_get_url(key, 600)
    with around(reader):
        with transaction() as session:
            known = session.scalar(select(Account.access_token).where(Account.id == account.id))
        assert known == token
        assert checkpoint_of(job.id) == checkpoint
        assert reader.extensions["states"].read(state) == "consent"
        client = reader.test_client()
        upload = {"data": b"video", "content_type": "video/mp4"}
        assert client.put(signed["uploadUrl"], **upload).status_code == 204
        assert client.get(link).data == b"video"


def test_rotation_in_the_runbook_s_order_loses_nothing(
    config: Config, another_app: Callable[[Config], Flask], auth: Callable[..., dict[str, str]]
) -> None:
    """Old and new processes run side by side in each deploy, and understand each other."""
    [old], new = config.token_encryption_keys, Fernet.generate_key().decode()
    keys = ((old,), (old, new), (new, old), (new,))
    stages = [another_app(replace(config, token_encryption_keys=each)) for each in keys]
    for before, after in pairwise(stages):
        if after is stages[-1]:
            assert (
                "secrets encrypted anew"
                in before.test_cli_runner().invoke(args=["rotate-keys"]).output
            )
        assert_understood(before, after, auth())
        assert_understood(after, before, auth())
    with around(stages[-1]):
        tokens = db.session.scalars(select(Account.access_token)).all()
        checkpoints = db.session.scalars(select(PublishJob.checkpoint)).all()
    assert len(tokens) == len(checkpoints) == 6
    assert all(tokens) and all(checkpoints)
