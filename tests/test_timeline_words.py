"""docs/timeline.md and the OpenAPI document list every word of a timeline, and no other."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any, get_args

import pytest
from flask import Flask

from app.states import Step
from app.timeline_words import CHANGES, OUTCOMES, WAITS, ChangeName, Outcome, WaitReason

ROOT = Path(__file__).resolve().parent.parent
DOCUMENT = (ROOT / "docs" / "timeline.md").read_text()
SOURCES = [path for part in ("app", "workers") for path in (ROOT / part).rglob("*.py")]
WORDS: dict[str, tuple[Any, dict[Any, str]]] = {
    "Waits": (WaitReason, WAITS),
    "Changes": (ChangeName, CHANGES),
    "Outcomes": (Outcome, OUTCOMES),
}


@pytest.mark.parametrize("title", WORDS)
def test_document_explains_every_word(title: str) -> None:
    """The types are what mypy holds the code to."""
    known, meanings = WORDS[title]
    table = (
        DOCUMENT.partition(f"\n## {title}\n")[2].partition("|---|---|\n")[2].partition("\n\n")[0]
    )
    assert list(meanings) == list(get_args(known))
    assert dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", table, re.MULTILINE)) == meanings


def test_document_names_every_step() -> None:
    row = next(line for line in DOCUMENT.splitlines() if line.startswith("| `step` |"))
    assert re.findall(r"`(\w+)`", row)[1:] == [step.value for step in Step]


def test_every_word_is_in_use() -> None:
    vocabulary = ROOT / "app" / "timeline_words.py"
    used = {
        node.value
        for path in SOURCES
        if path != vocabulary
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    assert {word for _, meanings in WORDS.values() for word in meanings} - used == set()


def test_description_has_the_words_as_enums(app: Flask) -> None:
    described: Any = app.test_client().get("/api/openapi.json").json
    schemas = described["components"]["schemas"]
    for name, kind, words in (
        ("StepEntry", "step", [step.value for step in Step]),
        ("WaitEntry", "wait", list(WAITS)),
        ("ChangeEntry", "change", list(CHANGES)),
    ):
        fields = schemas[name]["properties"]
        assert (fields["kind"]["enum"], fields["name"]["enum"]) == ([kind], words)
        assert fields["outcome"]["enum"] == [*OUTCOMES, None]
    for meaning in CHANGES.values():
        assert meaning in schemas["ChangeEntry"]["properties"]["name"]["description"]
    entries = schemas["Job"]["properties"]["timeline"]["items"]["oneOf"]
    kinds = [each["$ref"].rpartition("/")[2] for each in entries]
    assert kinds == ["AttemptEntry", "StepEntry", "WaitEntry", "ChangeEntry"]
