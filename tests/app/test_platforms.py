"""The registry of platforms is complete and consistent."""

from __future__ import annotations

import json
from dataclasses import asdict

import pytest

from app.media.video_rules import VIDEO_RULES
from app.platforms import PLATFORMS, Platform


@pytest.fixture(params=list(PLATFORMS))
def platform(request: pytest.FixtureRequest) -> Platform:
    return PLATFORMS[request.param]


def test_the_platforms_are_those_of_the_contract() -> None:
    assert list(PLATFORMS) == ["TIKTOK", "INSTAGRAM", "YOUTUBE"] == list(VIDEO_RULES)
    assert {name: entry.privacy_levels for name, entry in PLATFORMS.items()} == {
        "TIKTOK": ("public", "private"),
        "INSTAGRAM": ("public",),
        "YOUTUBE": ("public", "private", "unlisted"),
    }


def test_limits_have_the_defaults_of_the_contract() -> None:
    defaults = {
        limit.setting: limit.default for entry in PLATFORMS.values() for limit in entry.limits
    }
    assert defaults == {
        "LIMIT_TIKTOK_POSTS_PER_MINUTE": 2,
        "LIMIT_TIKTOK_POSTS_PER_DAY": 15,
        "LIMIT_TIKTOK_INITS_PER_MINUTE": 6,
        "LIMIT_TIKTOK_CREATOR_READS_PER_MINUTE": 20,
        "LIMIT_TIKTOK_STATUS_READS_PER_MINUTE": 30,
        "LIMIT_TIKTOK_CONCURRENT_UPLOADS": 3,
        "LIMIT_TIKTOK_CONCURRENT_PER_ACCOUNT": 1,
        "LIMIT_INSTAGRAM_CALLS_PER_HOUR": 200,
        "LIMIT_INSTAGRAM_POSTS_PER_DAY": 100,
        "LIMIT_INSTAGRAM_CONTAINERS_PER_DAY": 400,
        "LIMIT_INSTAGRAM_CONCURRENT_UPLOADS": 5,
        "LIMIT_INSTAGRAM_CONCURRENT_PER_ACCOUNT": 1,
        "LIMIT_YOUTUBE_UNITS_PER_DAY": 10_000,
        "LIMIT_YOUTUBE_UPLOADS_PER_DAY": 100,
        "LIMIT_YOUTUBE_CONCURRENT_UPLOADS": 10,
        "LIMIT_YOUTUBE_CONCURRENT_PER_ACCOUNT": 1,
    }


def test_each_entry_is_consistent(platform: Platform) -> None:
    assert platform.default_privacy in platform.privacy_levels
    assert platform.queue.startswith("publish-")
    assert platform.handler.startswith("workers.platforms.")
    assert platform.video.name == platform.name
    assert "containsSyntheticMedia" in platform.options
    for option in platform.options.values():
        assert option.same_as is None or platform.options[option.same_as].kind == option.kind


def test_the_rules_can_be_shown_as_json(platform: Platform) -> None:
    assert json.loads(json.dumps(asdict(platform.video)))["name"] == platform.name
    assert (
        json.loads(json.dumps(asdict(platform.captions)))["text_max"] == platform.captions.text_max
    )


def test_names_are_not_shared() -> None:
    for field in ("name", "queue", "handler"):
        assert len({getattr(entry, field) for entry in PLATFORMS.values()}) == len(PLATFORMS)


@pytest.mark.parametrize(
    ("name", "native"),
    [
        ("TIKTOK", "isAigc"),
        ("INSTAGRAM", "isAiGenerated"),
        ("YOUTUBE", "containsSyntheticMedia"),
    ],
)
def test_the_common_name_becomes_the_platforms_own(name: str, native: str) -> None:
    entry = PLATFORMS[name]
    assert entry.native_options({"containsSyntheticMedia": True}) == {native: True}
    assert entry.native_options({}) == {}
    both = {"containsSyntheticMedia": True, native: False}
    assert entry.native_options(both) == {native: False}
