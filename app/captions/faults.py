"""Checks a post's caption, hashtags, title and tags against a platform's rules. Pure."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

from app.captions.composing import compose
from app.captions.tags import bare, hashtags_in, is_hashtag, mentions_in
from app.captions.units import length_of, utf16_units
from app.platforms import PLATFORMS, Platform

_UNIT_NAMES = {"utf16": "UTF-16 units", "characters": "characters", "bytes": "bytes"}
#: Control characters other than tabs and line ends, and lone surrogates.
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def caption_faults(
    platform: str | None,
    caption: str,
    hashtags: Sequence[str | None],
    options: Mapping[str, Any],
) -> dict[str, list[str]]:
    """Return all faults by field path (`caption`, `hashtags.0`, `platformOptions.title` …).

    Empty when the platform accepts the text; without a platform, checks only what holds for all.
    `options` are those of the request, of valid types; None stands for a hashtag that already has
    a fault.
    """
    faults: defaultdict[str, list[str]] = defaultdict(list)
    _check_characters(faults, caption, options)
    present = {
        position: hashtag for position, hashtag in enumerate(hashtags) if hashtag is not None
    }
    valid = {
        position: hashtag for position, hashtag in present.items() if is_hashtag(bare(hashtag))
    }
    for position in sorted(present.keys() - valid.keys()):
        faults[f"hashtags.{position}"].append(
            "A hashtag consists of one or more letters, digits and underscores."
        )
    if platform is not None:
        readable = {name: _replaced(value) for name, value in options.items()}
        composed = compose(platform, _replaced(caption), list(valid.values()), readable)
        _check_text(faults, PLATFORMS[platform], composed.text, readable)
        _check_title(faults, PLATFORMS[platform], composed.title)
        _check_tags(faults, PLATFORMS[platform], readable)
    return dict(faults)


def _replaced(value: Any) -> Any:
    """Return the value with `?` for unprintable characters, so that its length can be checked."""
    if isinstance(value, str):
        return _UNPRINTABLE.sub("?", value)
    return [_replaced(each) for each in value] if isinstance(value, list) else value


def _check_characters(
    faults: defaultdict[str, list[str]], caption: str, options: Mapping[str, Any]
) -> None:
    """Refuse control characters and lone surrogates."""
    texts_by_path = {"caption": [caption]}
    for name, value in options.items():
        texts = value if isinstance(value, (list, tuple)) else [value]
        texts_by_path[f"platformOptions.{name}"] = [text for text in texts if isinstance(text, str)]
    for path, texts in texts_by_path.items():
        if any(_UNPRINTABLE.search(text) for text in texts):
            faults[path].append("Contains control characters or invalid Unicode.")


def _check_text(
    faults: defaultdict[str, list[str]],
    platform: Platform,
    text: str,
    options: Mapping[str, Any],
) -> None:
    name, rules = platform.name, platform.captions
    is_described = rules.title_max is not None and options.get("description")
    path = "platformOptions.description" if is_described else "caption"
    length = length_of(text, rules.unit)
    if length > rules.text_max:
        faults[path].append(
            f"The text with its hashtags has {length:,} {_UNIT_NAMES[rules.unit]};"
            f" {name} takes at most {rules.text_max:,}."
        )
    if any(character in text for character in rules.forbidden):
        faults[path].append(f"{name} does not allow {' or '.join(rules.forbidden)} in it.")
    counted = (
        ("hashtags", "hashtags", len(hashtags_in(text)), rules.hashtags_max),
        (path, "mentions", len(mentions_in(text)), rules.mentions_max),
    )
    for field, what, count, most in counted:
        if most is not None and count > most:
            faults[field].append(f"The text has {count} {what}; {name} takes at most {most}.")


def _check_title(faults: defaultdict[str, list[str]], platform: Platform, title: str) -> None:
    name, rules = platform.name, platform.captions
    if rules.title_max is None:
        return
    if not title:
        faults["caption"].append(f"{name} needs a title: give platformOptions.title or a caption.")
    path = "platformOptions.title"
    if utf16_units(title) > rules.title_max:
        faults[path].append(
            f"The title has {utf16_units(title)} characters; {name} takes at most"
            f" {rules.title_max}."
        )
    if any(character in title for character in rules.forbidden):
        faults[path].append(f"{name} does not allow {' or '.join(rules.forbidden)} in a title.")
    if "\n" in title:
        faults[path].append("A title must be a single line.")


def _check_tags(
    faults: defaultdict[str, list[str]], platform: Platform, options: Mapping[str, Any]
) -> None:
    """Check the total length of tags as YouTube counts it: with the commas between them, and
    quotes around a tag that contains a space.

    https://developers.google.com/youtube/v3/docs/videos#snippet.tags[]
    """
    most = platform.captions.tags_max
    tags = options.get("tags")
    if most is None or not tags:
        return
    path = "platformOptions.tags"
    if not all(tag.strip() for tag in tags):
        faults[path].append("A tag must not be empty.")
    count = len(tags) - 1 + sum(utf16_units(tag) + 2 * (" " in tag) for tag in tags)
    if count > most:
        faults[path].append(
            f"The tags have {count} characters with their commas and quotes;"
            f" {platform.name} takes at most {most}."
        )
