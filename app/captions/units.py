"""Measures text in the platforms' units, and truncates it at natural boundaries. Pure."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

ELLIPSIS = "…"
_JOINER = "\u200d"


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


def clusters(text: str) -> Iterator[str]:
    """Yield the user-perceived characters, close enough to Unicode's UAX #29 for cutting.

    https://www.unicode.org/reports/tr29/
    """
    cluster = ""
    for character in text:
        if cluster and not _belongs_to(cluster, character):
            yield cluster
            cluster = ""
        cluster += character
    if cluster:
        yield cluster


def _belongs_to(cluster: str, character: str) -> bool:
    if character == _JOINER or cluster.endswith(_JOINER) or _extends(character):
        return True
    if _is_regional(character):
        return len(cluster) == 1 and _is_regional(cluster)
    if cluster.endswith("\r"):
        return character == "\n"
    return "\u1160" <= character <= "\u11ff" and _is_hangul(cluster[-1])


def _extends(character: str) -> bool:
    """Return whether it is a mark, a variation selector, a skin tone or a tag of a flag."""
    return (
        unicodedata.category(character).startswith("M")
        or "\U0001f3fb" <= character <= "\U0001f3ff"
        or "\U000e0020" <= character <= "\U000e007f"
    )


def _is_regional(character: str) -> bool:
    return "\U0001f1e6" <= character <= "\U0001f1ff"


def _is_hangul(character: str) -> bool:
    return "\u1100" <= character <= "\u11ff" or "\uac00" <= character <= "\ud7a3"
