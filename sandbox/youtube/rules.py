"""Rules of a video resource (docs: Videos: insert), checked field by field."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sandbox.core.clock import parse_iso
from sandbox.core.errors import Refusal
from sandbox.core.fields import (
    Check,
    first_fault,
    is_flag,
    is_object,
    is_text,
    is_text_list,
    one_of,
    utf16_units,
)

MAX_TITLE_UNITS = 100
MAX_DESCRIPTION_BYTES = 5000
MAX_TAGS_CHARACTERS = 500
DEFAULT_CATEGORY = "22"
CATEGORIES = frozenset(["1", "2", "10", "15", "17", "19", "20", "22", *map(str, range(23, 30))])

SNIPPET: Mapping[str, Check] = {
    "title": is_text,
    "description": is_text,
    "tags": is_text_list,
    "categoryId": is_text,
    "defaultLanguage": is_text,
    "defaultAudioLanguage": is_text,
}
STATUS: Mapping[str, Check] = {
    "privacyStatus": one_of("private", "unlisted", "public"),
    "publishAt": is_text,
    "selfDeclaredMadeForKids": is_flag,
    "containsSyntheticMedia": is_flag,
    "license": one_of("youtube", "creativeCommon"),
    "embeddable": is_flag,
    "publicStatsViewable": is_flag,
}
RECORDING: Mapping[str, Check] = {"recordingDate": is_text}
WRITABLE = {"snippet": SNIPPET, "status": STATUS, "recordingDetails": RECORDING}


def check_resource(
    resource: dict[str, Any], parts: list[str], *, has_category: bool = False
) -> None:
    """Refuse a video resource with parts not named, unknown fields, or values out of bounds."""
    for name, part in resource.items():
        if name not in parts:
            raise Refusal("badRequest", f"{name} is not named in part")
        if not is_object(part):
            raise Refusal("badRequest", f"{name} must be an object")
        wrong = None if name == "localizations" else first_fault(part, WRITABLE.get(name, {}))
        if wrong is not None:
            raise Refusal("badRequest", f"{name}: {wrong}")
    _check_localizations(resource)
    if "snippet" in parts:
        check_snippet(resource.get("snippet", {}), has_category=has_category)
    if "recordingDetails" in resource:
        _check_date(resource["recordingDetails"])


def check_snippet(snippet: dict[str, Any], *, has_category: bool) -> None:
    """Refuse an invalid snippet; with `has_category`, it must name its category."""
    title, description = snippet.get("title", ""), snippet.get("description", "")
    if not title.strip() or utf16_units(title) > MAX_TITLE_UNITS or _has_angle(title):
        raise Refusal("invalidTitle")
    if len(description.encode()) > MAX_DESCRIPTION_BYTES or _has_angle(description):
        raise Refusal("invalidDescription")
    if tags_length(snippet.get("tags", [])) > MAX_TAGS_CHARACTERS:
        raise Refusal("invalidTags")
    if any(not tag or _has_angle(tag) for tag in snippet.get("tags", [])):
        raise Refusal("invalidTags")
    if snippet.get("categoryId", "" if has_category else DEFAULT_CATEGORY) not in CATEGORIES:
        raise Refusal("invalidCategoryId")


def tags_length(tags: list[str]) -> int:
    """Count as YouTube does: commas between tags, and quotes around a tag with a space."""
    return sum(len(tag) + 2 * (" " in tag) for tag in tags) + max(0, len(tags) - 1)


def _has_angle(text: str) -> bool:
    return "<" in text or ">" in text


def _check_localizations(resource: dict[str, Any]) -> None:
    if "localizations" in resource and "defaultLanguage" not in resource.get("snippet", {}):
        raise Refusal("defaultLanguageNotSet")


def _check_date(details: dict[str, Any]) -> None:
    try:
        parse_iso(details.get("recordingDate", "2026-01-01"))
    except ValueError as exc:
        raise Refusal("invalidRecordingDetails") from exc


def check_publish_at(status: dict[str, Any]) -> datetime | None:
    """Return when the video is to become public, if requested and allowed."""
    if "publishAt" not in status:
        return None
    if status.get("privacyStatus") != "private":
        raise Refusal("invalidPublishAt")
    try:
        return parse_iso(status["publishAt"])
    except ValueError as exc:
        raise Refusal("invalidPublishAt") from exc
