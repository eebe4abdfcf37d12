"""Composes a post's text and title of its caption, hashtags and options. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.captions.tags import with_hashtags
from app.captions.units import cut
from app.platforms import PLATFORMS


@dataclass(frozen=True)
class Composed:
    """What is sent to the platform: `text` is the whole caption or description; `title` is empty
    where the platform has none."""

    text: str
    title: str = ""


def compose(
    platform: str, caption: str, hashtags: Sequence[str], options: Mapping[str, Any]
) -> Composed:
    """Return a post's text and title. Refuses nothing: see `caption_faults`.

    The hashtags follow the caption after a blank line, except those already in it. Where the
    platform has titles, the options `title` and `description` take precedence over the caption;
    a missing title becomes the caption's first line, cut to the platform's maximum.
    """
    rules = PLATFORMS[platform].captions
    if rules.title_max is None:
        return Composed(with_hashtags(tidied(caption), hashtags))
    text = with_hashtags(tidied(options.get("description") or caption), hashtags)
    title = tidied(options.get("title") or "")
    if not title:
        title = cut(_first_line(caption, text, rules.forbidden), rules.title_max)
    return Composed(text, title)


def tidied(text: str) -> str:
    """Return `text` with LF line ends and without surrounding space, as platforms store it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _first_line(caption: str, text: str, forbidden: str) -> str:
    """Return the first line that is not blank, without the characters a title may not have."""
    for line in [*tidied(caption).splitlines(), *text.splitlines()]:
        allowed = "".join(character for character in line if character not in forbidden)
        words = " ".join(allowed.split())
        if words:
            return words
    return ""
