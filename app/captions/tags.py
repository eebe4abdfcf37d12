"""Hashtags and mentions: finding, writing and counting them. Pure."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

_HASHES = "#＃"
_MARKED = re.compile(r"[#＃]([^\s#＃]+)")
_MENTION = re.compile(r"(?<![\w.@])@[A-Za-z0-9_.]+")


def bare(hashtag: str) -> str:
    """Return a hashtag without its `#` and the space around it."""
    return hashtag.strip().lstrip(_HASHES)


def is_hashtag(tag: str) -> bool:
    """Return whether platforms would link the whole of a bare `tag`: letters, digits and `_`.

    Marks belong to their letters, as in Hindi or Thai.
    """
    return bool(tag) and all(map(_may_stand_in_hashtag, tag))


def hashtags_in(text: str) -> list[str]:
    """Return the bare hashtags that a text has, in order, with repetitions."""
    found = []
    for match in _MARKED.finditer(text):
        length = 0
        while length < len(match[1]) and _may_stand_in_hashtag(match[1][length]):
            length += 1
        if length:
            found.append(match[1][:length])
    return found


def mentions_in(text: str) -> list[str]:
    """Return the `@name` mentions in a text; an e-mail address is none."""
    return _MENTION.findall(text)


def with_hashtags(text: str, hashtags: Sequence[str]) -> str:
    """Return `text` with the hashtags after a blank line, each once and none it already has."""
    seen = {_same(tag) for tag in hashtags_in(text)}
    added = []
    for hashtag in hashtags:
        tag = bare(hashtag)
        if tag and _same(tag) not in seen:
            seen.add(_same(tag))
            added.append(f"#{tag}")
    return "\n\n".join(part for part in (text, " ".join(added)) if part)


def _may_stand_in_hashtag(character: str) -> bool:
    return character == "_" or unicodedata.category(character)[0] in "LNM"


def _same(tag: str) -> str:
    """Return what is equal for tags that platforms take for the same."""
    return unicodedata.normalize("NFC", tag).casefold()
