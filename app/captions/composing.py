"""Putting caption, hashtags and options together. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.captions.tags import with_hashtags
from app.captions.units import cut
from app.platforms import PLATFORMS


@dataclass(frozen=True)
class Composed:
    """What is sent: `text` is the whole caption or description; `title` is empty where the
    platform has none."""

    text: str
    title: str = ""


def compose(
    platform: str, caption: str, hashtags: Sequence[str], options: Mapping[str, Any]
) -> Composed:
    """Return a post's text and title. Refuses nothing: see `caption_faults`.

    The hashtags follow the caption after a blank line, those it already has left out. Where the
    platform has titles, `title` and `description` of the options stand in for the caption; a
    title that is not given is the caption's first line, cut to what the platform takes.
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
    """Return `text` with plain line ends and no space around it, as platforms store it."""
    return text.replace("\r\n", "\n").replace("\r", "\n").strip()


def _first_line(caption: str, text: str, forbidden: str) -> str:
    """Return the first line that says something, without what a title may not have."""
    for line in [*tidied(caption).splitlines(), *text.splitlines()]:
        allowed = "".join(character for character in line if character not in forbidden)
        words = " ".join(allowed.split())
        if words:
            return words
    return ""
