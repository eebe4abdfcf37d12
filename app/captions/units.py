"""Measures text in the platforms' units, and truncates it at natural boundaries. Pure."""

from __future__ import annotations

import regex

ELLIPSIS = "…"
_CLUSTER = regex.compile(r"\X")


def utf16_units(text: str) -> int:
    """Return the length in UTF-16 code units, as JavaScript and TikTok count."""
    return len(text) + sum(character > "\uffff" for character in text)


def utf8_bytes(text: str) -> int:
    """Return the length in bytes of UTF-8; lone surrogates count as three."""
    return len(text.encode("utf-8", "surrogatepass"))


def length_of(text: str, unit: str) -> int:
    """Return the length in the unit of a platform's `CaptionRules`."""
    if unit == "bytes":
        return utf8_bytes(text)
    # Where the documentation says `characters`, UTF-16 units are the safe choice: never fewer.
    return utf16_units(text)


def cut(text: str, max_units: int) -> str:
    """Return `text`, truncated to `max_units` UTF-16 units with an ellipsis where it is longer.

    Cuts between words where there is a space in the second half, and never inside a user-perceived
    character: a surrogate pair, a letter with its marks, a joined emoji, a flag.
    """
    if utf16_units(text) <= max_units:
        return text
    kept = ""
    room = max_units - utf16_units(ELLIPSIS)
    for cluster in clusters(text):
        if utf16_units(cluster) > room:
            break
        kept += cluster
        room -= utf16_units(cluster)
    is_inside_word = not text[len(kept)].isspace()
    space = kept.rfind(" ")
    if is_inside_word and space >= len(kept) // 2:
        kept = kept[:space]
    return kept.rstrip(" ,;:.-–—") + ELLIPSIS


def clusters(text: str) -> list[str]:
    """Return the user-perceived characters, as UAX #29 delimits them.

    https://www.unicode.org/reports/tr29/
    """
    found: list[str] = _CLUSTER.findall(text)
    return found
