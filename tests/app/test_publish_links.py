"""Accounts whose platform fetches videos need a store with public links."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from flask import Flask

from app.config import Config
from app.database.transaction import transaction
from app.models import Account
from tests.app.conftest import Caller, make_caller


def came_through(login_type: str, account_id: str) -> None:
    with transaction() as session:
        session.get_one(Account, account_id).login_type = login_type


@pytest.mark.parametrize(("login_type", "status"), [("facebook", 202), ("instagram", 400)])
def test_instagram_login_is_refused_where_no_link_is_public(
    alice: Caller, context: Flask, login_type: str, status: int
) -> None:
    account_id = alice.accounts["INSTAGRAM"]
    came_through(login_type, account_id)
    answer = alice.post("", alice.body("INSTAGRAM"))
    assert answer.status_code == status
    if status == 400:
        assert answer.json is not None and list(answer.json["errors"]) == ["accountId"]
        assert account_id in answer.json["error"]
        named = {"accountId": account_id}
        assert alice.post("/batch", {"posts": [alice.body("INSTAGRAM", **named)]}).json == (
            alice.post("/batch", {"posts": [alice.body("INSTAGRAM")]}).json
        )
        checked = alice.post("/validate", alice.body("INSTAGRAM")).json
        assert checked is not None and checked["errors"] == answer.json["errors"]


def test_instagram_login_publishes_where_links_are_public(
    config: Config, another_app: Callable[[Config], Flask]
) -> None:
    app = another_app(replace(config, public_url="https://queue.example"))
    headers = {"Authorization": "Bearer test-key", "X-User-Id": "carol"}
    carol = make_caller(app, app.test_client(), headers, "carol")
    with app.app_context():
        came_through("instagram", carol.accounts["INSTAGRAM"])
    assert carol.post("", carol.body("INSTAGRAM")).status_code == 202
