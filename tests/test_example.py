"""The Next.js example, as far as it can be tested without Node.js; `make example` does the rest."""

from __future__ import annotations

import json
import re
import stat
from pathlib import Path
from typing import Any

import pytest
from flask import Flask

from app.api.auth import USER_ID
from sandbox.development.keys import development_keys, record_api_url
from sandbox.development.stack import Stack
from tests.processes import ROOT

EXAMPLE = ROOT / "examples" / "nextjs"
README = (EXAMPLE / "README.md").read_text()
PACKAGE = json.loads((EXAMPLE / "package.json").read_text())


def test_lock_file_names_no_registry() -> None:
    lock = json.loads((EXAMPLE / "package-lock.json").read_text())
    assert len(lock["packages"]) > 100
    for name, entry in lock["packages"].items():
        assert "resolved" not in entry, name
        assert not name or "integrity" in entry, name


def test_settings_are_the_same_everywhere() -> None:
    listed = set(re.findall(r"^([A-Z_]+)=", (EXAMPLE / ".env.example").read_text(), re.MULTILINE))
    read = set(re.findall(r'"([A-Z_]{5,})"|env\.(DATA_DIR)', (EXAMPLE / "lib/env.ts").read_text()))
    [table] = re.findall(r"## Settings\n(.*?)\nAnd at the queue", README, re.DOTALL)
    assert listed == {one or other for one, other in read}
    assert listed == set(re.findall(r"^\| `([A-Z_]+)`", table, re.MULTILINE))


def test_readme_names_what_is_there() -> None:
    for script in re.findall(r"^npm run (\S+)", README, re.MULTILINE):
        assert script in PACKAGE["scripts"], script
    for path in re.findall(r"`((?:app|lib|components)/[\w./]+)`", README):
        assert (EXAMPLE / path).is_file(), path


def test_user_ids_are_the_same_everywhere() -> None:
    """An id that the queue refuses must not get that far, and both READMEs say which it takes."""
    assert f"/^{USER_ID.pattern}$/" in (EXAMPLE / "lib/session.ts").read_text()
    [characters] = re.findall(r"\[(.+)\]", USER_ID.pattern)
    for readme in (README, (ROOT / "README.md").read_text()):
        assert f"1 to 128 characters of `{characters}`" in " ".join(readme.split())


def test_types_know_every_operation(app: Flask) -> None:
    """The full comparison is `npm run types:check`; this finds a forgotten one sooner."""
    described: dict[str, Any] = app.test_client().get("/api/openapi.json").json or {}
    types = (EXAMPLE / "lib/publishing-api.ts").read_text()
    for path, entry in described["paths"].items():
        assert f'"{path}": {{' in types, f"{path}: run `npm run types` in {EXAMPLE.name}"
        for operation in entry.values():
            if "operationId" in operation:
                assert f"    {operation['operationId']}: {{" in types, operation["operationId"]
    for name in described["components"]["schemas"]:
        assert f"        {name}: " in types, f"{name}: run `npm run types` in {EXAMPLE.name}"


def test_stack_sends_webhooks_where_it_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("WEBHOOK_URL", "http://localhost:3000/api/webhooks")
    stack = Stack(None, tmp_path)
    assert stack.environment["WEBHOOK_SECRET"] == stack.keys.webhook_secret
    monkeypatch.setenv("WEBHOOK_SECRET", "whsec_b3duIGtleQ==")
    assert Stack(None, tmp_path).environment["WEBHOOK_SECRET"] == "whsec_b3duIGtleQ=="


def test_stack_says_where_its_api_is(tmp_path: Path) -> None:
    keys = development_keys(tmp_path)
    for url in ("http://127.0.0.1:8000", "http://127.0.0.1:8001"):
        record_api_url(tmp_path, url)
        assert development_keys(tmp_path) == keys
        path = tmp_path / "development.json"
        assert json.loads(path.read_text())["api_url"] == url
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["development.json"]
