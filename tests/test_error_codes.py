"""docs/errors.md lists every error code of the service's own, and no other."""

from __future__ import annotations

import ast
import inspect
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from app.media.video_rules import VIDEO_RULES
from workers import errors
from workers.errors import PublishError
from workers.platforms.verdicts import Verdict
from workers.platforms.youtube.session import SessionLost

ROOT = Path(__file__).resolve().parent.parent
SOURCES = sorted(path for part in ("app", "workers") for path in (ROOT / part).rglob("*.py"))
DOCUMENT = (ROOT / "docs" / "errors.md").read_text()
ERRORS: dict[str, type[PublishError]] = {
    name: kind
    for name, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, PublishError)
} | {"SessionLost": SessionLost}
#: Stands for an error class chosen at run time.
ANY_ERROR = "PublishError"
#: Callables that take a code, and the position of the code among their arguments.
CODES_FIRST = [*ERRORS, "Failure", "FfmpegFailed", "Meaning", "error_for"]
TAKE_CODES = dict.fromkeys(CODES_FIRST, 0) | {"record_failure": 1}
#: Functions that derive a code from something else.
MAKE_CODES = {"code_of"}
#: The tables of the platforms' own codes.
TABLES = [f"workers.platforms.{name}.codes" for name in ("tiktok", "instagram", "youtube")]
#: Ends a code whose rest is filled in at run time.
REST = "…"
ROW = re.compile(r"^\| `([a-z0-9_…]+)` \| ([^|]+) \|[^|]+\|[^|]+\|$", re.MULTILINE)
RULE_ROW = re.compile(r"^\| (`[a-z0-9_` ]+`) \|[^|]+\|$", re.MULTILINE)


@dataclass(frozen=True)
class Given:
    """A code in the source, its location, and the category of its error."""

    code: str
    category: str | None
    place: str


def words_of_platforms() -> set[str]:
    """Return every code in a platform's table."""
    return {
        str(word)
        for module in TABLES
        for table in vars(import_module(module)).values()
        if isinstance(table, Mapping)
        for word, verdict in table.items()
        if isinstance(verdict, Verdict) or isinstance(verdict, tuple)
    }


def codes_given() -> list[Given]:
    """Return every code in the sources."""
    return [given for path in SOURCES for given in _codes_of(path)]


def _codes_of(path: Path) -> Iterator[Given]:
    tree = ast.parse(path.read_text())
    scopes: list[ast.AST] = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
    inside = {id(part) for scope in scopes for part in ast.walk(scope)}
    yield from _codes_made(path, tree)
    for scope in [*scopes, tree]:
        for call in ast.walk(scope):
            if not isinstance(call, ast.Call) or (scope is tree and id(call) in inside):
                continue
            name = _name_of(call.func, scope, tree)
            if name not in TAKE_CODES or len(call.args) <= TAKE_CODES[name]:
                continue
            is_known = name in ERRORS and name != ANY_ERROR
            category = ERRORS[name].category.value if is_known else None
            place = f"{path.relative_to(ROOT)}:{call.lineno}"
            for code in _texts(call.args[TAKE_CODES[name]], scope, tree):
                yield Given(code, category, place)


def _codes_made(path: Path, tree: ast.Module) -> Iterator[Given]:
    for maker in ast.walk(tree):
        if isinstance(maker, ast.FunctionDef) and maker.name in MAKE_CODES:
            for end in ast.walk(maker):
                if isinstance(end, ast.Return) and end.value is not None:
                    for code in _texts(end.value, maker, tree):
                        yield Given(code, None, f"{path.relative_to(ROOT)}:{end.lineno}")


def _name_of(function: ast.expr, scope: ast.AST, tree: ast.Module) -> str:
    """Return the callee's name, or `ANY_ERROR` for a variable or helper with an error class."""
    if isinstance(function, ast.Attribute):
        return function.attr
    if isinstance(function, ast.Call) and isinstance(function.func, ast.Name):
        helpers = [node for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)]
        for helper in helpers:
            if helper.name == function.func.id and _is_error_class(helper.returns):
                return ANY_ERROR
    if not isinstance(function, ast.Name):
        return ""
    return ANY_ERROR if _holds_error_class(function.id, scope) else function.id


def _holds_error_class(name: str, scope: ast.AST) -> bool:
    annotated = [node for node in ast.walk(scope) if isinstance(node, ast.AnnAssign)]
    return any(
        isinstance(node.target, ast.Name)
        and node.target.id == name
        and _is_error_class(node.annotation)
        for node in annotated
    )


def _is_error_class(annotation: ast.expr | None) -> bool:
    return annotation is not None and ast.unparse(annotation) == "type[PublishError]"


def _texts(
    value: ast.expr, scope: ast.AST, tree: ast.Module, seen: frozenset[str] = frozenset()
) -> set[str]:
    """Return the string values that an expression may have, as far as they are literal."""
    if isinstance(value, ast.Constant):
        return {value.value} if isinstance(value.value, str) and value.value else set()
    if isinstance(value, ast.JoinedStr):
        return _beginning(value)
    parts: list[ast.expr] = []
    if isinstance(value, ast.IfExp):
        parts = [value.body, value.orelse]
    elif isinstance(value, ast.BoolOp):
        parts = value.values
    elif isinstance(value, ast.Subscript):
        parts = [value.value]
    elif isinstance(value, ast.Name) and value.id not in seen:
        parts = _assigned(value.id, scope) or _assigned(value.id, tree, top_level=True)
        seen |= {value.id}
    return {text for part in parts for text in _texts(part, scope, tree, seen)}


def _beginning(value: ast.JoinedStr) -> set[str]:
    """Return `http_…` for an f-string with a literal prefix; nothing for one without."""
    first = value.values[0]
    return {f"{first.value}{REST}"} if isinstance(first, ast.Constant) else set()


def _assigned(name: str, scope: ast.AST, *, top_level: bool = False) -> list[ast.expr]:
    found = []
    nodes = scope.body if top_level and isinstance(scope, ast.Module) else ast.walk(scope)
    for node in nodes:
        if not isinstance(node, ast.Assign):
            continue
        for target in node.targets:
            pairs = [(target, node.value)]
            if isinstance(target, ast.Tuple) and isinstance(node.value, ast.Tuple):
                pairs = list(zip(target.elts, node.value.elts))
            found += [value for one, value in pairs if isinstance(one, ast.Name) and one.id == name]
    return found


def rules() -> set[str]:
    """Return every rule that a file can be refused by."""
    found = {rule for one in VIDEO_RULES.values() for rule in one.choices}
    for one in VIDEO_RULES.values():
        for name, bounds in one.ranges.items():
            found |= {f"{name}_min"} if bounds.low is not None else set()
            found |= {f"{name}_max"} if bounds.high is not None else set()
    return found


def test_every_code_of_ours_is_explained() -> None:
    given = {one.code: one.place for one in codes_given()}
    listed = [code for code, _ in ROW.findall(DOCUMENT)]
    assert len(listed) == len(set(listed))
    known = {*listed, *rules(), *words_of_platforms()}
    assert {code: place for code, place in given.items() if code not in known} == {}
    assert set(listed) - set(given) == set()


def test_codes_are_explained_with_their_category() -> None:
    listed = dict(ROW.findall(DOCUMENT))
    for given in codes_given():
        # A response without an error code takes the category of its status.
        if given.category is None or given.code not in listed or given.code == "http_…":
            continue
        assert f"`{given.category}`" in listed[given.code], given


def test_every_rule_of_a_file_is_explained() -> None:
    listed = [rule for row in RULE_ROW.findall(DOCUMENT) for rule in re.findall(r"\w+", row)]
    assert sorted(listed) == sorted(rules())
