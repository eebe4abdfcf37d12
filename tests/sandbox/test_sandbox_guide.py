"""The sandbox's guide: its commands work as described, and it is complete."""

from __future__ import annotations

import json
import re
import subprocess
from dataclasses import fields
from pathlib import Path
from typing import Any

import requests
from flask import Flask

from sandbox.application import create_app
from sandbox.control.faults import KNOWN
from sandbox.core.accounts import AccountOptions
from sandbox.core.faults import CALL_KINDS, PROCESSING_KINDS
from sandbox.core.world import World
from tests.processes import PATIENCE_SECONDS, ROOT
from tests.sandbox.conftest import Control

GUIDE = (ROOT / "docs" / "sandbox.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", GUIDE, re.DOTALL)


def answers_of(script: str, folder: Path) -> list[dict[str, Any]]:
    """Run commands, and return the JSON objects that they print."""
    done = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", script],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines() if line.strip()]


def test_commands_of_the_guide_do_what_it_says(control: Control, tmp_path: Path) -> None:
    script = "\n".join(BLOCKS).replace("http://127.0.0.1:9000", control.url)
    assert script.count("sandbox ") - 1 >= 15
    answers = answers_of(script, tmp_path)
    assert not [answer for answer in answers if "error" in answer]
    account, listed, expired, *faults = answers[:7]
    assert account["username"] == "ada" and account["accessToken"]
    assert [one["id"] for one in listed["accounts"]] == [account["platformUserId"]]
    assert expired == {"expired": True}
    assert [fault["kind"] for fault in faults] == [
        "lost_answer", "error", "error", "stuck_processing",
    ]  # fmt: skip
    (
        calls,
        errors,
        on,
        removed,
        cleared,
        released,
        revoked,
        clock,
        changed,
        settings,
        posts,
        journal,
        reset,
    ) = answers[7:]
    assert "tiktok.upload" in calls["TIKTOK"] and errors["YOUTUBE"]["errors"]
    assert len(on["active"]) == 4 and removed == {"removed": True} and cleared == {"cleared": True}
    assert released == {"released": True} and revoked == {"revoked": True}
    assert clock["now"]
    assert changed == settings and settings["tiktok_posts_per_day"] == 3
    assert posts == {"posts": []} and list(journal) == ["entries"] and reset == {"reset": True}
    assert control.get("/accounts") == {"accounts": []}


def test_guide_names_every_address_of_the_control_api(tmp_path: Path) -> None:
    world = World(tmp_path)
    app: Flask = create_app(world)
    world.journal.close()
    addresses = {
        re.sub(r"<account_id>", "$ACCOUNT", re.sub(r"<fault_id>", "$FAULT", str(rule)))
        for rule in app.url_map.iter_rules()
        if str(rule).startswith("/_sandbox")
    }
    shown = {f"/_sandbox{path}" for path in re.findall(r"\$SANDBOX(/[\w$/-]+)", GUIDE)}
    assert shown == addresses


def test_guide_names_every_kind_and_field_of_a_fault() -> None:
    kinds = set(re.findall(r"^\| `(\w+)` \| ", GUIDE.partition("| kind |")[2], re.MULTILINE))
    assert kinds == {*CALL_KINDS, *PROCESSING_KINDS}
    section = GUIDE.partition("## Faults")[2].partition("\n## ")[0]
    assert [name for name in KNOWN if not re.search(rf"\b{name}\b", section)] == []


def test_guide_names_every_option_of_an_account() -> None:
    table = GUIDE.partition("| option |")[2].partition("\n\n")[0]
    named = [name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row[:80])]
    assert {one.name for one in fields(AccountOptions)} <= set(named)


def test_guide_is_a_click_away_from_the_sandboxes_page(
    control: Control, http: requests.Session
) -> None:
    page = http.get(control.url, timeout=60).text
    [link] = re.findall(r'<a href="(/guide)"', page)
    guide = http.get(f"{control.url}{link}", timeout=60)
    assert guide.headers["Content-Type"] == "text/plain; charset=utf-8"
    assert guide.text == GUIDE
