"""What a platform would refuse in a post's words. Pure; all faults at once, by field."""

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
#: Control characters but tabs and line ends, and halves of surrogate pairs.
_NO_TEXT = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\ud800-\udfff]")


def caption_faults(
    platform: str | None,
    caption: str,
    hashtags: Sequence[str | None],
    options: Mapping[str, Any],
) -> dict[str, list[str]]:
    """Return the faults by field path (`caption`, `hashtags.0`, `platformOptions.title` …).

    Empty when the platform takes the words; of no platform, what none takes. `options` are those
    of the request, already of the right kinds; a hashtag that is None has been judged before.
    """
    faults: defaultdict[str, list[str]] = defaultdict(list)
    _check_characters(faults, caption, options)
    given = {position: hashtag for position, hashtag in enumerate(hashtags) if hashtag is not None}
    sound = {position: hashtag for position, hashtag in given.items() if is_hashtag(bare(hashtag))}
    for position in sorted(given.keys() - sound.keys()):
        faults[f"hashtags.{position}"].append(
            "A hashtag has letters, digits and underscores only, and at least one of them."
        )
    if platform is not None:
        legible = {name: _legible(value) for name, value in options.items()}
        composed = compose(platform, _legible(caption), list(sound.values()), legible)
        _check_text(faults, PLATFORMS[platform], composed.text, legible)
        _check_title(faults, PLATFORMS[platform], composed.title)
        _check_tags(faults, PLATFORMS[platform], legible)
    return dict(faults)


def _legible(value: Any) -> Any:
    """Return what has a length, also where characters of it have none: with others for them."""
    if isinstance(value, str):
        return _NO_TEXT.sub("?", value)
    return [_legible(each) for each in value] if isinstance(value, list) else value


def _check_characters(
    faults: defaultdict[str, list[str]], caption: str, options: Mapping[str, Any]
) -> None:
    """Refuse what is no text: control characters and halves of surrogate pairs."""
    written = {"caption": [caption]}
    for name, value in options.items():
        texts = value if isinstance(value, (list, tuple)) else [value]
        written[f"platformOptions.{name}"] = [text for text in texts if isinstance(text, str)]
    for path, texts in written.items():
        if any(_NO_TEXT.search(text) for text in texts):
            faults[path].append("There are control characters or broken characters in it.")


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
        faults[path].append(f"{name} takes no {' or '.join(rules.forbidden)} in it.")
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
        faults[path].append(f"{name} takes no {' or '.join(rules.forbidden)} in a title.")
    if "\n" in title:
        faults[path].append("A title is one line.")


def _check_tags(
    faults: defaultdict[str, list[str]], platform: Platform, options: Mapping[str, Any]
) -> None:
    """Count tags as YouTube does: commas between them, quotes around one with a space.

    https://developers.google.com/youtube/v3/docs/videos#snippet.tags[]
    """
    most = platform.captions.tags_max
    tags = options.get("tags")
    if most is None or not tags:
        return
    path = "platformOptions.tags"
    if not all(tag.strip() for tag in tags):
        faults[path].append("A tag is not empty.")
    count = len(tags) - 1 + sum(utf16_units(tag) + 2 * (" " in tag) for tag in tags)
    if count > most:
        faults[path].append(
            f"The tags have {count} characters with their commas and quotes;"
            f" {platform.name} takes at most {most}."
        )
