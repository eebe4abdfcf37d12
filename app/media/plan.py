"""Decides the least that must be done to a file before a platform accepts it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from app.media.edit_lists import PRIMING_FRAMES, PRIMING_SECONDS
from app.media.facts import DELAY_SECONDS, Probe
from app.media.frame_rates import constant_rate
from app.media.profiles import PROFILES, Profile
from app.media.recipe import BUFFER_SECONDS, AudioEncoding, Recipe, VideoEncoding
from app.media.sizes import fitted_size
from app.media.video_rules import VIDEO_RULES, Bounds
from app.media.violations import Violation, violations

#: Rules about the layout of the file, whatever its streams hold.
_FILE_RULES = frozenset({"container", "index", "edit_list"})
_AUDIO_RULES = frozenset({"audio_codec", "audio_channels", "audio_sample_rate"})
#: Containers whose frames carry no timestamps, so that the streams cannot be copied.
_UNTIMED = frozenset({"avi"})
_UNBOUNDED = Bounds()
#: The share of a size limit to aim for: the rest covers the container and inexact rate control.
_SIZE_USED = 0.975
#: Bits per pixel that x264 hardly ever exceeds at our quality; a lower cap needs two passes.
_AMPLE_BITS = 0.12
_MINIMUM_BITS = 0.004
#: What an MP4's index takes at most: per frame, with that of the sound, and in all.
_INDEX_BYTES, _GROWTH_BYTES = 64, 16 * 1024
#: More than silence takes, index included.
_SILENCE_BIT_RATE = 16_000
_RGB = ("rgb", "bgr", "gbr", "argb", "abgr", "rgba", "bgra", "0rgb", "0bgr", "pal8")
_SAMPLE_RATES = (48_000, 44_100)


class Work(str, Enum):
    """How much is done to a file, from least to most."""

    NOTHING = "nothing"
    #: a new container; video and audio are copied bit for bit
    REMUX = "remux"
    #: only the audio is re-encoded
    AUDIO = "audio"
    #: only the video is re-encoded
    VIDEO = "video"
    #: both are re-encoded
    ENCODE = "encode"


@dataclass(frozen=True)
class Plan:
    """What to do with a file. `recipe` is None if it goes unchanged or is refused.

    `reasons` are the violations that transcoding fixes, `refusals` those that nothing fixes.
    """

    work: Work
    reasons: tuple[Violation, ...] = ()
    refusals: tuple[Violation, ...] = ()
    recipe: Recipe | None = None


@dataclass(frozen=True)
class PlatformPlan:
    """The plan for one platform."""

    platform: str
    plan: Plan

    @property
    def is_possible(self) -> bool:
        """Whether the platform can get the file at all."""
        return not self.plan.refusals


def plans_for(probe: Probe) -> tuple[PlatformPlan, ...]:
    """Return the plan for every platform."""
    return tuple(PlatformPlan(platform, plan_for(platform, probe)) for platform in VIDEO_RULES)


def plan_for(platform: str, probe: Probe) -> Plan:
    """Return the plan for a file."""
    broken = violations(platform, probe)
    reasons = tuple(one for one in broken if one.is_fixable)
    refusals = tuple(one for one in broken if not one.is_fixable)
    if refusals or not reasons:
        return Plan(Work.NOTHING, (), refusals)
    recipe = _recipe(platform, probe, reasons)
    if recipe is None:
        return Plan(Work.NOTHING, (), tuple(replace(one, is_fixable=False) for one in reasons))
    return Plan(_work(recipe), reasons, (), recipe)


def _work(recipe: Recipe) -> Work:
    if recipe.video is None:
        return Work.REMUX if recipe.audio is None else Work.AUDIO
    return Work.VIDEO if recipe.audio is None else Work.ENCODE


def _recipe(platform: str, probe: Probe, reasons: tuple[Violation, ...]) -> Recipe | None:
    """Return the recipe that fixes the violations, or None where no frame size fits."""
    profile = PROFILES[platform]
    rules = {_base_rule(one) for one in reasons}
    container = _container(profile, probe)
    size_max = VIDEO_RULES[platform].ranges.get("size", _UNBOUNDED).high
    audio = _audio(profile, probe, rules, container)
    if _keeps_video(profile, probe, rules, container):
        if size_max is None or probe.size_bytes + _growth_bytes(probe, audio) <= size_max:
            keeps_offsets = container == "mp4" and _is_reordered(probe)
            return Recipe(container, None, audio, keeps_offsets=keeps_offsets)
    audio = _audio(profile, probe, rules, "mp4")
    audio_rate = audio.bit_rate if audio else profile.audio_bit_rate
    video = _video(platform, probe, size_max, audio_rate if probe.audio_codec else 0)
    if video is None:
        return None
    return Recipe("mp4", video, audio, None if size_max is None else int(size_max))


def _base_rule(violation: Violation) -> str:
    return violation.rule.removesuffix("_max").removesuffix("_min")


def _container(profile: Profile, probe: Probe) -> str:
    """Return WebM for codecs that only WebM can hold, MP4 for everything else."""
    video_codecs, audio_codecs = profile.keeps.get("webm", ((), ()))
    is_web = probe.video_codec in video_codecs and probe.audio_codec in (*audio_codecs, None)
    return "webm" if is_web else "mp4"


def _keeps_video(profile: Profile, probe: Probe, rules: set[str], container: str) -> bool:
    late_seconds = 0.0 if _is_reordered(probe) else -(probe.sound_delay_seconds or 0.0)
    return (
        rules <= _FILE_RULES | _AUDIO_RULES
        and _can_copy(probe, container, late_seconds=late_seconds)
        and probe.video_codec in profile.keeps[container][0]
    )


def _is_reordered(probe: Probe) -> bool:
    """Return whether the pictures start late only because they are decoded in another order.

    Without an edit list, an MP4's streams are both decoded from 0 on, and so is a copy of them.
    """
    if probe.has_edit_list is not False or probe.sound_delay_seconds is None:
        return False
    normal_seconds = max(PRIMING_SECONDS, PRIMING_FRAMES / (probe.frame_rate or 60))
    return 0.0 < -probe.sound_delay_seconds <= normal_seconds


def _growth_bytes(probe: Probe, audio: AudioEncoding | None) -> int:
    """Return by how many bytes a file may grow at most whose video is copied."""
    seconds = probe.duration_seconds
    growth = float(_GROWTH_BYTES)
    if probe.moov_first is None:  # only an MP4 has an index of this size already
        growth += seconds * (probe.frame_rate or 60) * _INDEX_BYTES
    if audio is not None:
        growth += seconds * (_SILENCE_BIT_RATE if audio.is_silence else audio.bit_rate) / 8
    return int(growth)


def _can_copy(probe: Probe, container: str, *, late_seconds: float) -> bool:
    """Return whether a stream can be copied without changing what is shown, or when.

    An MP4 is written without an edit list, so both its streams start at 0: one that starts
    `late_seconds` after the other has to be re-encoded, with what fills the gap.
    """
    if probe.edit_list_cuts or probe.container in _UNTIMED:
        return False
    return container == "webm" or late_seconds <= DELAY_SECONDS


def _audio(profile: Profile, probe: Probe, rules: set[str], container: str) -> AudioEncoding | None:
    """Return how to encode the audio; None where it is copied, or there is none."""
    delay = probe.sound_delay_seconds or 0.0
    rate = probe.audio_sample_rate if probe.audio_sample_rate in _SAMPLE_RATES else 48_000
    channels = min(probe.audio_channels or 2, profile.audio_channels_max)
    encoding = AudioEncoding(profile.audio_bit_rate, channels, rate)
    if probe.audio_codec is None:
        return replace(encoding, is_silence=True) if profile.adds_silence else None
    is_kept = (
        not rules & _AUDIO_RULES
        and _can_copy(probe, container, late_seconds=delay)
        and probe.audio_codec in profile.keeps[container][1]
    )
    return None if is_kept else encoding


def _video(
    platform: str, probe: Probe, size_max: float | None, audio_rate: int
) -> VideoEncoding | None:
    profile, ranges = PROFILES[platform], VIDEO_RULES[platform].ranges
    size = fitted_size(
        profile, probe, ranges.get("side", _UNBOUNDED), ranges.get("width", _UNBOUNDED)
    )
    if size is None:
        return None
    rates = ranges.get("frame_rate", Bounds(high=60))
    frame_rate = constant_rate(
        probe.frame_rate, rates.low, rates.high, is_variable=probe.is_variable_rate
    )
    encoding = VideoEncoding(
        *size,
        frame_rate=frame_rate,
        crf=profile.crf,
        bit_rate_max=_rate_max(platform, probe.duration_seconds, audio_rate),
        transfer=probe.transfer if probe.is_hdr else None,
        is_rgb=bool(probe.pixel_format and probe.pixel_format.startswith(_RGB)),
        deinterlace=probe.is_interlaced,
    )
    return within_size(encoding, probe.duration_seconds, size_max, audio_rate)


def _rate_max(platform: str, duration_seconds: float, audio_rate: int) -> int:
    """Return the cap for the video, with which the whole file stays below the platform's rate."""
    profile, bounds = PROFILES[platform], VIDEO_RULES[platform].ranges.get("bit_rate", _UNBOUNDED)
    if bounds.high is None:
        return profile.bit_rate_max
    left = bounds.high * _SIZE_USED - audio_rate
    # A short video may consist of little but its beginning, which may exceed the cap.
    return min(profile.bit_rate_max, int(left / (1 + BUFFER_SECONDS / duration_seconds)))


def within_size(
    encoding: VideoEncoding, duration_seconds: float, size_max: float | None, audio_rate: int
) -> VideoEncoding:
    """Return an encoding that stays below `size_max` bytes: by a lower cap, or by two passes.

    `audio_rate` is the audio's share of the rate, in bits/s.
    """
    if size_max is None:
        return encoding
    left = int(size_max * 8 * _SIZE_USED / duration_seconds) - audio_rate
    numerator, denominator = encoding.frame_rate.split("/")
    pixels = encoding.width * encoding.height * int(numerator) / int(denominator)
    rate = max(left, int(pixels * _MINIMUM_BITS), 50_000)
    if rate >= min(encoding.bit_rate_max, pixels * _AMPLE_BITS):
        return replace(encoding, bit_rate_max=min(encoding.bit_rate_max, rate))
    return replace(encoding, bit_rate=rate, bit_rate_max=2 * rate)
