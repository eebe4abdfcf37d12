"""Every table that must know each platform does, and the README lists all of them."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

from app.accounts.consent_pages import CONSENT_PAGES
from app.accounts.requirements import NEEDED_SCOPES
from app.config import Config
from app.media.profiles import PROFILES
from app.media.video_rules import VIDEO_RULES
from app.platforms import PLATFORMS
from sandbox.consent import PAGES
from sandbox.platforms import PLATFORMS as SANDBOX_PLATFORMS
from tests.contract.test_every_handler import CALLS
from workers.doctor.clients import CLIENT_CHECKS
from workers.handlers import APIS, handler_module
from workers.worker import PRELOADED

ROOT = Path(__file__).resolve().parent.parent
[SECTION] = re.findall(r"## Add a platform\n(.*?)\n## ", (ROOT / "README.md").read_text(), re.S)
#: Modules that name all platforms only in examples and prose.
PROSE = {"app/api/description.py", "app/api/metrics.py"}
TABLES = {
    "VIDEO_RULES": VIDEO_RULES,
    "PROFILES": PROFILES,
    "NEEDED_SCOPES": {platform for platform, _ in NEEDED_SCOPES},
    "CONSENT_PAGES": {platform for platform, _ in CONSENT_PAGES},
    "APIS": APIS,
    "sandbox PLATFORMS": SANDBOX_PLATFORMS,
    "sandbox PAGES": {page.platform for page in PAGES},
    "CALLS": CALLS,
}


@pytest.mark.parametrize("table", TABLES)
def test_every_table_has_every_platform(table: str) -> None:
    assert set(TABLES[table]) == set(PLATFORMS)


@pytest.mark.parametrize("platform", PLATFORMS)
def test_worker_has_loaded_every_handler_before_it_forks(platform: str) -> None:
    assert handler_module(platform) in PRELOADED


def test_every_login_has_its_client_in_the_settings_and_a_check_of_it() -> None:
    clients = {page.client for page in CONSENT_PAGES.values()}
    assert clients <= {one.name.upper() for one in fields(Config)}
    assert set(CLIENT_CHECKS) == clients


def test_readme_names_every_place_that_knows_the_platforms() -> None:
    named = set(re.findall(r"`((?:app|workers|sandbox|tests)/[\w/.]+\.py)`", SECTION))
    assert all((ROOT / path).is_file() for path in named)
    assert {path for path in named if not path.startswith("tests/")} >= set(_knowing()) - PROSE


def _knowing() -> Iterator[str]:
    """Yield the modules whose code names all platforms."""
    words = [platform.lower() for platform in PLATFORMS]
    for package in ("app", "workers", "sandbox"):
        for path in sorted((ROOT / package).rglob("*.py")):
            code = _code_of(path)
            if all(word in code for word in words):
                yield str(path.relative_to(ROOT))


def _code_of(path: Path) -> str:
    """Return a module's code in lower case, without comments and docstrings."""
    tree = ast.parse(path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef)):
            if ast.get_docstring(node) is not None:
                node.body = node.body[1:] or [ast.Pass()]
    return ast.unparse(tree).lower()
