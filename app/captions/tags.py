"""Finds and appends hashtags, and finds mentions. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_HASHES = "#＃"
_MARKED = re.compile(r"[#＃]([^\s#＃]+)")
_MENTION = re.compile(r"(?<![\w.@])@[A-Za-z0-9_.]+")


def bare(hashtag: str) -> str:
    """Return a hashtag without its `#` and surrounding space."""
    return hashtag.strip().lstrip(_HASHES)


def is_hashtag(tag: str) -> bool:
    """Return whether platforms would link all of a bare `tag`: letters, digits and `_`.

    Combining marks belong to their letters, as in Hindi or Thai.
    """
    return bool(tag) and all(map(_is_hashtag_character, tag))


def hashtags_in(text: str) -> list[str]:
    """Return the bare hashtags in a text, in order, with repetitions."""
    found = []
    for match in _MARKED.finditer(text):
        length = 0
        while length < len(match[1]) and _is_hashtag_character(match[1][length]):
            length += 1
        if length:
            found.append(match[1][:length])
    return found


def mentions_in(text: str) -> list[str]:
    """Return the `@name` mentions in a text; e-mail addresses do not count."""
    return _MENTION.findall(text)


def with_hashtags(text: str, hashtags: Sequence[str]) -> str:
    """Append the hashtags after a blank line, each once, without those already in the text."""
    seen = {_folded(tag) for tag in hashtags_in(text)}
    added = []
    for hashtag in hashtags:
        tag = bare(hashtag)
        if tag and _folded(tag) not in seen:
            seen.add(_folded(tag))
            added.append(f"#{tag}")
    return "\n\n".join(part for part in (text, " ".join(added)) if part)


def _is_hashtag_character(character: str) -> bool:
    return character == "_" or unicodedata.category(character)[0] in "LNM"


def _folded(tag: str) -> str:
    """Return a form that is equal for tags that platforms treat as the same."""
    return unicodedata.normalize("NFC", tag).casefold()
