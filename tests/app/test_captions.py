"""The text and title that are sent, and what is refused before."""

from __future__ import annotations

from typing import Any

import pytest

from app.captions import Composed, caption_faults, compose
from app.captions.units import clusters, cut, utf16_units

FAMILY = "👨‍👩‍👧‍👦"  # one picture of seven code points, eleven UTF-16 units
PLATFORMS = ("TIKTOK", "INSTAGRAM", "YOUTUBE")


@pytest.mark.parametrize(
    ("caption", "hashtags", "text"),
    [
        ("Hello", [], "Hello"),
        ("Hello", ["#cat", "dog"], "Hello\n\n#cat #dog"),
        ("", ["cat"], "#cat"),
        ("  Hello\r\nthere \r\n", ["cat"], "Hello\nthere\n\n#cat"),
        ("Hello", ["cat", "#CAT", " Cat "], "Hello\n\n#cat"),
        ("My #Cat!", ["cat", "dog"], "My #Cat!\n\n#dog"),
        ("My #cats", ["cat"], "My #cats\n\n#cat"),
        ("Straße", ["STRASSE", "straße"], "Straße\n\n#STRASSE"),
        ("Hello", ["#café", "cafe\u0301"], "Hello\n\n#café"),
        ("नमस्ते", ["हिन्दी", "日本", "snake_case1"], "नमस्ते\n\n#हिन्दी #日本 #snake_case1"),
        ("Hello", ["＃cat"], "Hello\n\n#cat"),
        ("", [], ""),
    ],
)
def test_hashtags_follow_the_caption_once_each(
    caption: str, hashtags: list[str], text: str
) -> None:
    for platform in ("TIKTOK", "INSTAGRAM"):
        assert compose(platform, caption, hashtags, {}) == Composed(text)
        assert caption_faults(platform, caption, hashtags, {}) == {}
    assert compose("YOUTUBE", caption, hashtags, {"title": "T"}) == Composed(text, "T")


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("hashtag", ["", "#", "two words", "a-b", "c++", "🐱", "a#b", "#\n", "a."])
def test_hashtags_that_no_platform_links_are_refused(platform: str, hashtag: str) -> None:
    faults = caption_faults(platform, "Hello", ["fine", hashtag], {})
    assert list(faults) == ["hashtags.1"]


@pytest.mark.parametrize("platform", ["TIKTOK", "INSTAGRAM"])
@pytest.mark.parametrize(
    ("caption", "hashtags", "is_fault"),
    [
        ("x" * 2200, [], False),
        ("x" * 2201, [], True),
        ("x" * 2194, ["cat"], False),
        ("x" * 2195, ["cat"], True),
        ("😀" * 1100, [], False),
        ("😀" * 1101, [], True),
    ],
)
def test_the_text_is_counted_in_utf16_units_with_its_hashtags(
    platform: str, caption: str, hashtags: list[str], is_fault: bool
) -> None:
    faults = caption_faults(platform, caption, hashtags, {})
    assert list(faults) == (["caption"] if is_fault else [])
    if is_fault:
        assert "2,20" in faults["caption"][0] and "at most 2,200" in faults["caption"][0]


def test_instagram_counts_the_hashtags_of_the_whole_text() -> None:
    caption = " ".join(f"#tag{number}" for number in range(25))
    five = [f"more{number}" for number in range(5)]
    assert caption_faults("INSTAGRAM", caption, five, {}) == {}
    assert caption_faults("INSTAGRAM", caption, [*five, "tag3"], {}) == {}
    faults = caption_faults("INSTAGRAM", caption, [*five, "last"], {})
    assert faults == {"hashtags": ["The text has 31 hashtags; Instagram takes at most 30."]}
    assert caption_faults("TIKTOK", caption, [*five, "last"], {}) == {}


def test_instagram_counts_mentions_but_no_addresses() -> None:
    caption = " ".join(f"@name.{number}" for number in range(20)) + " me@example.com"
    assert caption_faults("INSTAGRAM", caption, [], {}) == {}
    faults = caption_faults("INSTAGRAM", caption + " (@one_more)", [], {})
    assert faults == {"caption": ["The text has 21 mentions; Instagram takes at most 20."]}


@pytest.mark.parametrize(
    ("caption", "options", "title"),
    [
        ("First line\nSecond", {}, "First line"),
        ("\n \nLate line", {}, "Late line"),
        ("Hello", {"title": " Given "}, "Given"),
        ("Hello", {"title": "  "}, "Hello"),
        ("a  b\tc", {}, "a b c"),
        ("", {"description": "Described\nhere"}, "Described"),
        ("I <3 it", {"description": "x"}, "I 3 it"),
        ("<>", {"description": "Then this"}, "Then this"),
        ("", {}, "#cat"),
    ],
)
def test_youtube_titles_come_from_the_caption_when_not_given(
    caption: str, options: dict[str, Any], title: str
) -> None:
    assert compose("YOUTUBE", caption, ["cat"], options).title == title


def test_youtube_descriptions_are_given_or_the_caption() -> None:
    assert compose("YOUTUBE", "Hello", ["cat"], {}).text == "Hello\n\n#cat"
    given = {"description": "About #Cat"}
    assert compose("YOUTUBE", "Hello", ["cat", "dog"], given).text == "About #Cat\n\n#dog"


@pytest.mark.parametrize(
    ("caption", "options", "paths"),
    [
        ("Hello", {}, []),
        ("", {}, ["caption"]),
        ("I <3 it", {}, ["caption"]),
        ("I <3 it", {"description": "clean"}, []),
        ("é" * 2500, {}, []),
        ("é" * 2501, {}, ["caption"]),
        ("Hello", {"description": "é" * 2501}, ["platformOptions.description"]),
        ("Hello", {"description": "a > b"}, ["platformOptions.description"]),
        ("Hello", {"title": "t" * 100}, []),
        ("Hello", {"title": "t" * 101}, ["platformOptions.title"]),
        ("Hello", {"title": "😀" * 51}, ["platformOptions.title"]),
        ("Hello", {"title": "a < b"}, ["platformOptions.title"]),
        ("Hello", {"title": "two\nlines"}, ["platformOptions.title"]),
        ("Hello", {"tags": ["x" * 249, "y" * 250]}, []),
        ("Hello", {"tags": ["x" * 250, "y" * 250]}, ["platformOptions.tags"]),
        ("Hello", {"tags": ["x" * 248 + " ", "y" * 249]}, ["platformOptions.tags"]),
        ("Hello", {"tags": ["ok", " "]}, ["platformOptions.tags"]),
        ("Hello", {"tags": []}, []),
        (
            "I <3 it",
            {"title": "<", "tags": [""]},
            ["caption", "platformOptions.title", "platformOptions.tags"],
        ),
    ],
)
def test_youtube_faults_are_told_by_field_all_at_once(
    caption: str, options: dict[str, Any], paths: list[str]
) -> None:
    assert list(caption_faults("YOUTUBE", caption, [], options)) == paths


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("bad", ["a\x00b", "a\x1bb", "a\ud83d", "\ude00"])
def test_what_is_no_text_is_refused(platform: str, bad: str) -> None:
    assert list(caption_faults(platform, bad, [], {})) == ["caption"]
    faults = caption_faults(platform, "Hello", [], {"audioName": bad, "tags": ["ok", bad]})
    assert list(faults) == ["platformOptions.audioName", "platformOptions.tags"]
    assert list(caption_faults(platform, "Hello", [bad], {})) == ["hashtags.0"]


def test_unreadable_title_hides_no_fault_of_the_text() -> None:
    faults = caption_faults("YOUTUBE", "x" * 5001, ["a b"], {"title": "a\x07", "tags": [" "]})
    paths = ["caption", "hashtags.0", "platformOptions.tags", "platformOptions.title"]
    assert sorted(faults) == paths


@pytest.mark.parametrize(
    ("text", "max_units", "expected"),
    [
        ("short", 10, "short"),
        ("exactly ten", 11, "exactly ten"),
        ("several words here", 12, "several…"),
        ("several words here", 14, "several words…"),
        ("one,  two", 6, "one…"),
        ("unbreakablylong", 8, "unbreak…"),
        ("a unbreakablylongword", 10, "a unbreak…"),
        ("😀😀😀", 4, "😀…"),
        ("e\u0301e\u0301e\u0301", 4, "e\u0301…"),
        ("🇩🇪🇫🇷🇮🇹", 8, "🇩🇪…"),
        ("👍🏽👍🏽👍🏽", 8, "👍🏽…"),
        ("1️⃣2️⃣3️⃣", 5, "1️⃣…"),
        ("각각각", 2, "각…"),
        ("\u1100\u1161\u11a8" * 2, 5, "\u1100\u1161\u11a8…"),
        (f"ab{FAMILY}{FAMILY}", 15, f"ab{FAMILY}…"),
        (f"ab{FAMILY}", 12, "ab…"),
        (FAMILY, 5, "…"),
    ],
)
def test_cut_ends_where_a_reader_sees_an_end(text: str, max_units: int, expected: str) -> None:
    assert cut(text, max_units) == expected
    assert utf16_units(cut(text, max_units)) <= max_units


def test_clusters_lose_nothing() -> None:
    text = f"Ab {FAMILY}🇩🇪🇫🇷e\u0301\r\n각👍🏽\u200d"
    assert "".join(clusters(text)) == text
    assert clusters("🇩🇪🇫🇷") == ["🇩🇪", "🇫🇷"]
    assert clusters("\r\nx") == ["\r\n", "x"]


def test_a_title_cut_from_the_caption_is_one_youtube_takes() -> None:
    caption = f"{FAMILY} " * 40
    composed = compose("YOUTUBE", caption, [], {})
    assert utf16_units(composed.title) <= 100 and composed.title.endswith("…")
    assert caption_faults("YOUTUBE", caption, [], {}) == {}
