"""The project's rules that a tool can check, and that the documents match the code."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest

from app.api.errors import ApiError
from app.config import Config
from app.failures import Category
from app.platforms import PLATFORMS
from app.queues import names
from app.states import JobState, Step
from tests.settings import settings_of_the_reader
from workers.errors import PublishError
from workers.platforms.base import Handler

ROOT = Path(__file__).resolve().parent.parent
PACKAGES = ("app", "workers", "sandbox", "bench")
MODULE_LINES = 250
FUNCTION_LINES = 40
SOURCES = sorted(path for package in PACKAGES for path in (ROOT / package).rglob("*.py"))
README = (ROOT / "README.md").read_text()
PROCFILE = dict(line.split(": ", 1) for line in (ROOT / "Procfile").read_text().splitlines())


@pytest.fixture(scope="module")
def modules() -> dict[str, ast.Module]:
    """Every module of ours, by its path in the project."""
    return {str(path.relative_to(ROOT)): ast.parse(path.read_text()) for path in SOURCES}


def functions(modules: dict[str, ast.Module]) -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield every function and its name, with its module's path."""
    for path, tree in modules.items():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef):
                yield f"{path}:{node.name}", node


def test_modules_and_functions_stay_small(modules: dict[str, ast.Module]) -> None:
    lines = {path: len((ROOT / path).read_text().splitlines()) for path in modules}
    assert {path: count for path, count in lines.items() if count > MODULE_LINES} == {}
    lengths = {name: (node.end_lineno or 0) - node.lineno + 1 for name, node in functions(modules)}
    assert {name: count for name, count in lengths.items() if count > FUNCTION_LINES} == {}


def test_modules_say_what_they_are_for(modules: dict[str, ast.Module]) -> None:
    silent = [path for path, tree in modules.items() if tree.body and not ast.get_docstring(tree)]
    assert silent == []


#: Workers do not load the web application, and Sentry is loaded only where it is configured.
LOADS_WHAT_FEW_NEED = ("create_app", "configure_logging", "_sentry_dsn")


def test_nothing_is_imported_inside_a_function(modules: dict[str, ast.Module]) -> None:
    inside = [
        name
        for name, node in functions(modules)
        if any(isinstance(part, (ast.Import, ast.ImportFrom)) for part in ast.walk(node))
        and node.name not in LOADS_WHAT_FEW_NEED
    ]
    assert inside == []


@pytest.mark.parametrize("platform", PLATFORMS)
def test_handler_named_by_the_registry_is_one(platform: str) -> None:
    module, _, name = PLATFORMS[platform].handler.partition(":")
    assert issubclass(getattr(import_module(module), name), Handler)


@pytest.mark.parametrize("path", names.FUNCTIONS)
def test_functions_named_by_the_queues_are_there(path: str) -> None:
    module, _, name = path.rpartition(".")
    assert callable(getattr(import_module(module), name))


def test_functions_are_named_in_one_place_only() -> None:
    """`FUNCTIONS` has all of them, and no other module repeats one."""
    named = {value for value in vars(names).values() if str(value).startswith("workers.")}
    assert named == set(names.FUNCTIONS)
    elsewhere = [
        path
        for folder in ("app", "workers")
        for path in (ROOT / folder).rglob("*.py")
        if path.name != "names.py" and any(f'"{one}"' in path.read_text() for one in named)
    ]
    assert elsewhere == []


def test_procfile_starts_what_there_is() -> None:
    assert list(PROCFILE) == ["release", "web", "worker", "scheduler"]
    for name in ("worker", "scheduler"):
        module = PROCFILE[name].removeprefix("python -m ")
        assert callable(import_module(module).main)


def test_readme_lists_every_setting() -> None:
    settings = settings_of_the_reader()
    listed = set(re.findall(r"`([A-Z][A-Z0-9_]{3,})`", README))
    assert settings - listed == set()


def test_readme_lists_every_state_step_and_error_category() -> None:
    for kind in (JobState, Step, Category):
        for member in kind:
            assert f"`{member.value}`" in README, member


def test_readme_names_every_make_target() -> None:
    makefile = (ROOT / "Makefile").read_text()
    for target in re.findall(r"^([a-z]+):.*## ", makefile, re.MULTILINE):
        assert f"make {target}" in README, target


def test_secrets_do_not_show_in_the_settings_text() -> None:
    config = Config(
        database_url="sqlite://",
        redis_url="redis://localhost",
        public_url="http://localhost",
        api_keys=("hidden",),
        jwt_secret="hidden",
        token_encryption_keys=("hidden",),
        admin_password="hidden",
        webhook_secrets=("hidden",),
        r2_secret_access_key="hidden",
        tiktok_client_secret="hidden",
        youtube_client_secret="hidden",
        sentry_dsn="hidden",
    )
    assert "hidden" not in repr(config)


@pytest.mark.parametrize("base", [PublishError, ApiError])
def test_tree_of_errors_at_the_top_of_its_module_is_whole(base: type[Exception]) -> None:
    """A subclass needs no line of its own if its parent's says it all."""
    module = import_module(base.__module__)
    drawn = dict(re.findall(r"^ +([A-Z]\w+) {2,}(\d{3})?", module.__doc__ or "", re.MULTILINE))
    kinds = {
        name: kind
        for name, kind in inspect.getmembers(module, inspect.isclass)
        if issubclass(kind, base) and kind is not base
    }
    assert {name for name, kind in kinds.items() if base in kind.__bases__} - set(drawn) == set()
    assert drawn == {name: str(getattr(kinds[name], "status", "")) for name in drawn}
