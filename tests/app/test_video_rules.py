"""Which files each platform accepts, rule by rule."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from app.media.facts import Probe
from app.media.video_rules import VIDEO_RULES
from app.media.violations import Violation, too_long_for_account, violations, warnings
from tests.factories import FITTING_PROBE

#: A file that every platform takes as it is, and likes.
GOOD = replace(
    Probe.load(FITTING_PROBE),
    size_bytes=10_000_000,
    duration_seconds=20.0,
    bit_rate=4_000_000,
    width=1080,
    height=1920,
)


def rules_of(found: list[Violation]) -> list[str]:
    return [one.rule for one in found]


@pytest.mark.parametrize("platform", list(VIDEO_RULES))
def test_a_good_file_breaks_nothing(platform: str) -> None:
    assert violations(platform, GOOD) == []
    assert warnings(platform, GOOD) == []
    silent = replace(GOOD, audio_codec=None, audio_channels=None, audio_sample_rate=None)
    assert violations(platform, silent) == []


@pytest.mark.parametrize(
    ("platform", "changes", "rules"),
    [
        ("TIKTOK", {"content_type": "video/quicktime"}, []),
        ("TIKTOK", {"content_type": "video/webm", "video_codec": "vp9"}, []),
        ("TIKTOK", {"content_type": "video/x-msvideo", "video_codec": "mpeg4"}, "both formats"),
        ("TIKTOK", {"video_codec": "av1"}, ["video_codec"]),
        ("TIKTOK", {"duration_seconds": 600.0}, []),
        ("TIKTOK", {"duration_seconds": 600.1}, ["duration_max"]),
        ("TIKTOK", {"duration_seconds": 0.5}, []),
        ("TIKTOK", {"size_bytes": 4_000_000_001}, ["size_max"]),
        ("TIKTOK", {"frame_rate": 23.976}, []),
        ("TIKTOK", {"frame_rate": 60.002}, []),
        ("TIKTOK", {"frame_rate": 22.9}, ["frame_rate_min"]),
        ("TIKTOK", {"frame_rate": 120.0}, ["frame_rate_max"]),
        ("TIKTOK", {"frame_rate": None}, []),
        ("TIKTOK", {"width": 359}, ["side_min"]),
        ("TIKTOK", {"width": 320, "height": 240}, ["side_min", "side_min"]),
        ("TIKTOK", {"height": 4097}, ["side_max"]),
        ("TIKTOK", {"moov_first": False, "has_edit_list": True}, []),
        ("INSTAGRAM", {"content_type": "video/webm"}, ["container"]),
        ("INSTAGRAM", {"video_codec": "hevc"}, []),
        ("INSTAGRAM", {"video_codec": "vp9"}, ["video_codec"]),
        ("INSTAGRAM", {"audio_codec": "mp3"}, ["audio_codec"]),
        ("INSTAGRAM", {"audio_channels": 6}, ["audio_channels_max"]),
        ("INSTAGRAM", {"audio_sample_rate": 96_000}, ["audio_sample_rate_max"]),
        ("INSTAGRAM", {"duration_seconds": 2.1}, ["duration_min"]),
        ("INSTAGRAM", {"duration_seconds": 900.5}, ["duration_max"]),
        ("INSTAGRAM", {"size_bytes": 300_000_001}, ["size_max"]),
        ("INSTAGRAM", {"bit_rate": 25_000_001}, ["bit_rate_max"]),
        ("INSTAGRAM", {"width": 3840, "height": 2160}, ["width_max"]),
        ("INSTAGRAM", {"width": 1080, "height": 3840}, []),
        ("INSTAGRAM", {"width": 1100, "height": 100}, ["ratio_max"]),
        ("INSTAGRAM", {"pixel_format": "yuv444p"}, ["chroma", "h264_format"]),
        ("INSTAGRAM", {"pixel_format": "yuv420p10le", "bit_depth": 10}, ["h264_format"]),
        (
            "INSTAGRAM",
            {"pixel_format": "yuv420p10le", "bit_depth": 10, "video_codec": "hevc"},
            [],
        ),
        ("INSTAGRAM", {"pixel_format": "nv12"}, []),
        ("INSTAGRAM", {"pixel_format": "bgra"}, ["chroma", "h264_format"]),
        ("INSTAGRAM", {"pixel_format": None}, []),
        ("INSTAGRAM", {"moov_first": False}, ["index"]),
        ("INSTAGRAM", {"has_edit_list": True}, ["edit_list"]),
        ("YOUTUBE", {"content_type": "video/x-msvideo", "video_codec": "mpeg4"}, []),
        ("YOUTUBE", {"content_type": "video/x-matroska"}, ["container"]),
        ("YOUTUBE", {"duration_seconds": 43_201.0}, ["duration_max"]),
        ("YOUTUBE", {"size_bytes": 256_000_000_001}, ["size_max"]),
        ("YOUTUBE", {"moov_first": False, "has_edit_list": True, "width": 100}, []),
    ],
)
def test_violations_names_each_broken_rule(
    platform: str, changes: dict[str, Any], rules: list[str] | str
) -> None:
    expected = ["container", "video_codec"] if rules == "both formats" else rules
    assert rules_of(violations(platform, replace(GOOD, **changes))) == expected


@pytest.mark.parametrize(
    ("platform", "changes", "message"),
    [
        (
            "INSTAGRAM",
            {"duration_seconds": 2.1},
            "The video lasts 2.1 s; Instagram accepts at least 3 s.",
        ),
        (
            "INSTAGRAM",
            {"size_bytes": 1_234_567_890},
            "The file is 1,234.568 MB; Instagram accepts at most 300 MB.",
        ),
        (
            "TIKTOK",
            {"height": 240},
            "A side of the frame is 240 pixels; TikTok accepts at least 360 pixels.",
        ),
        (
            "TIKTOK",
            {"video_codec": "av1"},
            "The video is encoded as av1; TikTok accepts h264, hevc, vp8, vp9.",
        ),
        (
            "INSTAGRAM",
            {"moov_first": False},
            "The file's index (moov) is at the end; Instagram accepts it in front.",
        ),
        (
            "INSTAGRAM",
            {"has_edit_list": True},
            "The file has an edit list; Instagram accepts none.",
        ),
    ],
)
def test_messages_name_the_figure_and_the_limit(
    platform: str, changes: dict[str, Any], message: str
) -> None:
    (found,) = violations(platform, replace(GOOD, **changes))
    assert found.message == message


def test_what_nothing_fixes_comes_first() -> None:
    probe = replace(GOOD, duration_seconds=1.0, video_codec="vp9", has_edit_list=True)
    found = violations("INSTAGRAM", probe)
    assert [(one.rule, one.is_fixable) for one in found] == [
        ("duration_min", False),
        ("video_codec", True),
        ("edit_list", True),
    ]
    assert (found[0].limit, found[0].actual) == (3, 1.0)


@pytest.mark.parametrize(
    ("seconds", "limit", "is_told"), [(61.0, 60, True), (60.0, 60, False), (61.0, None, False)]
)
def test_the_accounts_own_limit_is_told_and_no_rule(
    seconds: float, limit: int | None, is_told: bool
) -> None:
    probe = replace(GOOD, duration_seconds=seconds)
    assert violations("TIKTOK", probe) == []
    said = "The video lasts 61 s; TikTok last said that it accepts at most 60 s of this account."
    assert too_long_for_account("TIKTOK", probe, limit) == (said if is_told else None)


@pytest.mark.parametrize(
    ("platform", "changes", "rules"),
    [
        ("TIKTOK", {"duration_seconds": 2.0}, ["duration_min"]),
        ("TIKTOK", {"width": 400, "height": 1000}, ["ratio_min"]),
        ("INSTAGRAM", {"duration_seconds": 4.0}, ["duration_min"]),
        ("INSTAGRAM", {"duration_seconds": 120.0}, ["duration_max"]),
        ("INSTAGRAM", {"width": 1080, "height": 1080}, ["ratio_max"]),
        ("YOUTUBE", {"duration_seconds": 901.0}, ["duration_max"]),
        ("YOUTUBE", {"moov_first": False, "has_edit_list": True}, ["index", "edit_list"]),
        ("YOUTUBE", {"frame_rate": 15.0}, ["frame_rate_min"]),
    ],
)
def test_warnings_are_no_violations(
    platform: str, changes: dict[str, Any], rules: list[str]
) -> None:
    probe = replace(GOOD, **changes)
    assert rules_of(warnings(platform, probe)) == rules
    assert violations(platform, probe) == []
