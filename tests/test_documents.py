"""What the documents cite exists: tests, paths, links, indexes."""

from __future__ import annotations

import ast
import re
from configparser import ConfigParser
from pathlib import Path

import pytest
import yaml

import app.models  # noqa: F401
from app.extensions import db

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = sorted((ROOT / "docs").glob("*.md"))
CITED_TEST = re.compile(r"\b(test_\w+\.py)(?:::(test_\w+))?")
ALERT = re.compile(r"- alert: (\w+)")
LINK = re.compile(r"\]\(([^)#]+)\)")
CITED_PATH = re.compile(r"`((?:app|workers|sandbox|tests|docs|bench)/[\w./]*)`")


def names_in(name: str) -> set[str]:
    """Return the tests of the one file of this name."""
    [path] = (ROOT / "tests").rglob(name)
    tree = ast.parse(path.read_text())
    return {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_tests_cited_by_a_document_exist(document: Path) -> None:
    for file, name in CITED_TEST.findall(document.read_text()):
        assert not name or name in names_in(file), f"{file}::{name}"


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_paths_named_by_a_document_exist(document: Path) -> None:
    for path in CITED_PATH.findall(document.read_text()):
        assert (ROOT / path).exists(), path


def test_every_alert_has_its_place_in_the_runbook() -> None:
    alerts = ALERT.findall((ROOT / "deploy" / "prometheus-alerts.yml").read_text())
    runbook = (ROOT / "docs" / "operations.md").read_text()
    assert re.findall(r"^### (Publishing\w+)$", runbook, re.MULTILINE) == alerts


def test_scrape_of_the_readme_is_one_of_prometheus() -> None:
    [block] = re.findall(r"```yaml\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    [job] = yaml.safe_load(block)["scrape_configs"]
    # https://prometheus.io/docs/prometheus/latest/configuration/configuration/#scrape_config
    assert set(job) == {"job_name", "authorization", "static_configs", "scheme"}
    assert job["scheme"] == "https" and job["authorization"] == {"credentials": "YOUR_SERVICE_KEY"}
    assert [target for one in job["static_configs"] for target in one["targets"]]


@pytest.mark.parametrize("document", [*DOCUMENTS, ROOT / "README.md"], ids=lambda path: path.name)
def test_links_of_a_document_lead_somewhere(document: Path) -> None:
    for link in LINK.findall(document.read_text()):
        if "://" not in link:
            assert (document.parent / link).exists(), link


def test_every_index_is_explained() -> None:
    indexes = [one.name for table in db.metadata.sorted_tables for one in table.indexes]
    page = (ROOT / "docs" / "growth.md").read_text()
    assert sorted(re.findall(r"`(ix_\w+)`", page)) == sorted(str(name) for name in indexes)


def test_one_word_on_which_python_is_needed() -> None:
    words = "Python 3.10 to 3.14"
    for name in ("README.md", "examples/nextjs/README.md", "Makefile"):
        assert f"{words} " in (ROOT / name).read_text(), name
    settings = ConfigParser()
    settings.read(ROOT / "setup.cfg")
    assert settings["options"]["python_requires"] == ">=3.10"
    assert "(3, 10) <= sys.version_info[:2] <= (3, 14)" in (ROOT / "Makefile").read_text()
    deployed = (ROOT / ".python-version").read_text().strip()
    assert deployed in ("3.10", "3.11", "3.12", "3.13", "3.14")
