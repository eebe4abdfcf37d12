"""The OpenAPI 3.1 document is valid and covers every route."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from flask import Flask

METHODS = ("get", "post", "put", "patch", "delete")
#: Pages and signed links, which are no part of the JSON API.
NOT_DESCRIBED = ("/api/docs", "/api/openapi.json", "/admin", "/static", "/media", "/metrics")


@pytest.fixture
def described(app: Flask) -> dict[str, Any]:
    document = app.test_client().get("/api/openapi.json").json
    assert isinstance(document, dict)
    return document


def operations(described: dict[str, Any]) -> Iterator[tuple[str, str, dict[str, Any]]]:
    for path, entry in described["paths"].items():
        for method in METHODS:
            if method in entry:
                yield path, method, {**entry[method], "shared": entry.get("parameters", [])}


def camel(name: str) -> str:
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for inner in part.values():
            yield from references(inner)
    elif isinstance(part, list):
        for inner in part:
            yield from references(inner)


def test_document_is_openapi_3_1(described: dict[str, Any]) -> None:
    assert described["openapi"].startswith("3.1.")
    assert described["info"]["title"] and described["info"]["version"]
    assert set(described["components"]["securitySchemes"]) == {"serviceKey", "user", "token"}
    assert described["security"]


def test_every_reference_leads_somewhere(described: dict[str, Any]) -> None:
    for reference in references(described):
        found: Any = described
        assert reference.startswith("#/")
        for step in reference.removeprefix("#/").split("/"):
            found = found[step]


def test_every_route_is_described(app: Flask, described: dict[str, Any]) -> None:
    known = {(path, method) for path, method, _ in operations(described)}
    for rule in app.url_map.iter_rules():
        if rule.rule.startswith(NOT_DESCRIBED):
            continue
        path = re.sub(r"<(?:\w+:)?(\w+)>", lambda found: f"{{{camel(found[1])}}}", rule.rule)
        for method in (rule.methods or set()) - {"HEAD", "OPTIONS"}:
            assert (path, method.lower()) in known, (method, path)


def test_every_operation_is_complete(described: dict[str, Any]) -> None:
    seen = set()
    for path, method, operation in operations(described):
        assert operation["summary"], path
        assert operation["tags"], path
        answers = operation["responses"]
        assert [status for status in answers if status.startswith("2")], (method, path)
        assert "default" in answers, (method, path)
        named = [each["name"] for each in operation["shared"] if each["in"] == "path"]
        assert sorted(named) == sorted(re.findall(r"{(\w+)}", path)), path
        assert re.fullmatch(r"[a-z]+([A-Z][a-z]+)+", operation["operationId"]), (method, path)
        assert operation["operationId"] not in seen
        seen.add(operation["operationId"])


def test_errors_are_described_as_problems(described: dict[str, Any]) -> None:
    response = described["components"]["responses"]["DEFAULT_ERROR"]
    assert list(response["content"]) == ["application/problem+json"]


def test_publish_body_is_described_with_its_bounds(described: dict[str, Any]) -> None:
    fields = described["components"]["schemas"]["Publish"]["properties"]
    assert fields["caption"]["maxLength"] == 2200
    assert fields["hashtags"]["maxItems"] == 10
    assert fields["platform"]["enum"] == ["TIKTOK", "INSTAGRAM", "YOUTUBE"]
    assert "madeForKids" in fields["platformOptions"]["properties"]


def test_answers_promise_all_their_fields(described: dict[str, Any]) -> None:
    """Types made of the description have callers look for `undefined` where it can be, only."""
    may_lack = {"Accepted": {"scheduledTime"}, "NextPost": {"reason"}, "Problem": {"errors"}}
    may_lack |= {"NotReady": {"errors"}, "Request": {"shareToFeed"}}
    schemas = described["components"]["schemas"]
    for name in answered(described):
        schema = schemas[name]
        if "oneOf" in schema:
            continue
        promised = set(schema.get("required", ()))
        missing = set(schema["properties"]) - promised
        assert missing == may_lack.get(name, set()), name


def answered(described: dict[str, Any]) -> set[str]:
    """Return the names of all schemas that answers are made of."""
    found: set[str] = set()
    parts: list[Any] = [operation["responses"] for *_, operation in operations(described)]
    parts.append(described["components"]["responses"])
    while parts:
        for reference in references(parts.pop()):
            name = reference.rpartition("/")[2]
            if reference.startswith("#/components/schemas/") and name not in found:
                found.add(name)
                parts.append(described["components"]["schemas"][name])
    return found


def test_every_schema_is_of_use(described: dict[str, Any]) -> None:
    used = {name.rpartition("/")[2] for name in references(described)}
    assert set(described["components"]["schemas"]) - used == set()


def test_values_that_are_few_are_named(described: dict[str, Any]) -> None:
    schemas = described["components"]["schemas"]
    states = schemas["Account"]["properties"]["state"]["enum"]
    assert states == ["active", "reconnect_required"]
    assert schemas["Video"]["properties"]["state"]["enum"] == ["uploading", "ready", "invalid"]
    for name in ("Account", "Post", "Platform", "Plan", "Request"):
        assert schemas[name]["properties"]["platform"]["enum"] == ["TIKTOK", "INSTAGRAM", "YOUTUBE"]


#: Fields of answers that have one of a few values, and one or all of those.
FEW: dict[str, list[Any] | str] = {
    "Account.loginType": ["facebook", "instagram", None],
    "AccountPeak.counts": "posts",
    "CaptionRules.unit": ["utf16", "characters", "bytes"],
    "EntryError.category": "ambiguous",
    "ErrorCount.category": "ambiguous",
    "Health.status": ["ok"],
    "Limit.counts": "creator_reads",
    "Limit.scope": ["account", "application", "platform"],
    "Limit.window": ["rolling", "pacific_day", "at_once"],
    "Notification.type": "publish.at_risk",
    "OptionRule.kind": ["bool", "int", "text", "texts", "url", "date", "language"],
    "Platform.defaultPrivacyLevel": ["public", "private", "unlisted"],
    "Platform.privacyLevels": ["public", "private", "unlisted"],
    "Point.platform": ["TIKTOK", "INSTAGRAM", "YOUTUBE"],
    "Upload.method": ["PUT"],
}


@pytest.mark.parametrize("place", FEW)
def test_closed_set_is_an_enum(described: dict[str, Any], place: str) -> None:
    """A client that is typed by the description need not guess."""
    name, field = place.split(".")
    entry = described["components"]["schemas"][name]["properties"][field]
    values, expected = entry.get("items", entry).get("enum", []), FEW[place]
    assert values == expected if isinstance(expected, list) else expected in values
    if "null" in entry["type"]:
        assert values[-1] is None


def test_documentation_page_needs_no_other_server(app: Flask) -> None:
    page = app.test_client().get("/api/docs/").text
    assert not re.search(r"""(?:src|href)=["'](?:https?:)?//""", page)


def test_no_group_of_operations_is_empty(described: dict[str, Any]) -> None:
    used = {tag for _, _, operation in operations(described) for tag in operation["tags"]}
    assert {tag["name"] for tag in described["tags"]} == used


def test_fields_that_default_to_null_may_be_null(described: dict[str, Any]) -> None:
    for name, schema in described["components"]["schemas"].items():
        for field, entry in schema.get("properties", {}).items():
            if "default" in entry and entry["default"] is None:
                kinds = [entry, *entry.get("oneOf", [])]
                assert any("null" in kind.get("type", "") for kind in kinds), (name, field)


def test_description_says_how_many_runs_can_be_kept(described: dict[str, Any]) -> None:
    options = described["components"]["schemas"]["Options"]["properties"]
    for name, most in (("removeOnComplete", 100), ("removeOnFail", 1000)):
        assert options[name]["oneOf"][1] == {"type": "integer", "minimum": 0, "maximum": most}
        assert f"up to {most}" in options[name]["description"]


def test_refusals_are_named(described: dict[str, Any]) -> None:
    """By their status, beside `default`: whoever makes a client of this sees what to expect."""
    for path, method, operation in operations(described):
        needs_caller = operation.get("security") != []
        expected = {
            "401": needs_caller,
            "403": "serviceKey" in str(operation.get("security", "")),
            "404": "{" in path,
            "413": "requestBody" in operation,
            "415": "requestBody" in operation,
            "503": needs_caller,
        }
        missing = {status for status, is_due in expected.items() if is_due}
        missing -= set(operation["responses"])
        # Its link, not its path, says what an upload is for.
        assert missing <= ({"404"} if path == "/api/videos/uploads/{token}" else set()), path


def test_refusals_are_problems(described: dict[str, Any]) -> None:
    shared = described["components"]["responses"]
    for path, _, operation in operations(described):
        for status, answer in operation["responses"].items():
            if not status.startswith(("4", "5")) or path.endswith("/callback"):
                continue
            name = answer.get("$ref", "").rpartition("/")[2]
            content = shared[name]["content"] if name else answer["content"]
            assert list(content) == ["application/problem+json"], (path, status)


def test_no_parameter_is_null(described: dict[str, Any]) -> None:
    """Headers and queries have no null: what is optional is left out."""
    named = []
    for path, _, operation in operations(described):
        for each in operation.get("parameters", []):
            named.append(each["name"])
            assert "null" not in str(each["schema"].get("type", "")), (path, each["name"])
            assert each["schema"].get("default", "") is not None, (path, each["name"])
    assert "Idempotency-Key" in named and "cursor" in named


def test_every_group_has_a_sentence_of_its_own(described: dict[str, Any]) -> None:
    sentences = {tag["description"] for tag in described["tags"]}
    assert len(sentences) == len(described["tags"])
    assert "steering" not in {tag["name"] for tag in described["tags"]}
