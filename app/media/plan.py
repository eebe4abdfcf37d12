"""What has to be done to a file before a platform gets it: the least that helps. Pure."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

from app.media.facts import Probe
from app.media.frame_rates import constant_rate
from app.media.profiles import PROFILES, Profile
from app.media.recipe import Pictures, Recipe, Sound
from app.media.rules import Violation, violations
from app.media.sizes import fitted_size
from app.media.video_rules import VIDEO_RULES, Bounds

#: Rules that a file may break by how its parts lie, whatever is in them.
_FILE_RULES = frozenset({"container", "index", "edit_list"})
_SOUND_RULES = frozenset({"audio_codec", "audio_channels", "audio_sample_rate"})
#: Where pictures have no times of their own; those cannot be taken over as they are.
_UNTIMED = frozenset({"avi"})
_FREE = Bounds()
#: Of a size limit: what the container itself and a rate that is not hit exactly may take.
_SIZE_USED = 0.975
#: Bits per pixel above which x264 at our quality is hardly ever: less needs two passes.
_RICH = 0.12
_POOR = 0.004
_RGB = ("rgb", "bgr", "gbr", "argb", "abgr", "rgba", "bgra", "0rgb", "0bgr", "pal8")
_SAMPLE_RATES = (48_000, 44_100)


class Work(str, Enum):
    """How much is done to a file, from the least to the most."""

    NOTHING = "nothing"
    #: rewritten without loss: pictures and sound are taken over bit for bit
    REMUX = "remux"
    #: only the sound is encoded anew
    AUDIO = "audio"
    #: only the pictures are encoded anew
    VIDEO = "video"
    ENCODE = "encode"


@dataclass(frozen=True)
class Plan:
    """What to do about a file. `recipe` is there unless it goes as it is or is refused.

    `reasons` are the broken rules that the work cures, `refusals` those that nothing cures.
    """

    work: Work
    reasons: tuple[Violation, ...] = ()
    refusals: tuple[Violation, ...] = ()
    recipe: Recipe | None = None


@dataclass(frozen=True)
class PlatformPlan:
    """What one platform gets of a file."""

    platform: str
    plan: Plan

    @property
    def is_possible(self) -> bool:
        """Whether the platform can get it at all."""
        return not self.plan.refusals


def plans_for(probe: Probe) -> tuple[PlatformPlan, ...]:
    """Return the plan for every platform, whatever the account."""
    return tuple(PlatformPlan(platform, plan_for(platform, probe)) for platform in VIDEO_RULES)


def plan_for(platform: str, probe: Probe, *, max_duration_seconds: float | None = None) -> Plan:
    """Return the plan for a file; `max_duration_seconds` is the account's own limit, if known."""
    broken = violations(platform, probe, max_duration_seconds=max_duration_seconds)
    reasons = tuple(one for one in broken if one.is_curable)
    refusals = tuple(one for one in broken if not one.is_curable)
    if refusals or not reasons:
        return Plan(Work.NOTHING, (), refusals)
    recipe = _recipe(platform, probe, reasons)
    if recipe is None:
        return Plan(Work.NOTHING, (), tuple(replace(one, is_curable=False) for one in reasons))
    return Plan(_work(recipe), reasons, (), recipe)


def _work(recipe: Recipe) -> Work:
    if recipe.pictures is None:
        return Work.REMUX if recipe.sound is None else Work.AUDIO
    return Work.VIDEO if recipe.sound is None else Work.ENCODE


def _recipe(platform: str, probe: Probe, reasons: tuple[Violation, ...]) -> Recipe | None:
    """Return how the broken rules are cured, or None where no size of picture fits."""
    profile = PROFILES[platform]
    rules = {_family(one) for one in reasons}
    container = _container(profile, probe)
    is_whole = not (probe.edit_list_cuts and rules & _FILE_RULES)
    keeps_pictures = (
        is_whole
        and rules <= _FILE_RULES | _SOUND_RULES
        and probe.container not in _UNTIMED
        and probe.video_codec in profile.keeps[container][0]
    )
    if not keeps_pictures:
        container = "mp4"
    sound = _sound(profile, probe, rules, container, is_whole=is_whole)
    if keeps_pictures:
        return Recipe(container, None, sound)
    size_max = VIDEO_RULES[platform].ranges.get("size", _FREE).high
    sound_rate = sound.bit_rate if sound else profile.sound_bit_rate
    pictures = _pictures(platform, probe, size_max, sound_rate if probe.audio_codec else 0)
    if pictures is None:
        return None
    return Recipe(container, pictures, sound, None if size_max is None else int(size_max))


def _family(violation: Violation) -> str:
    return violation.rule.removesuffix("_max").removesuffix("_min")


def _container(profile: Profile, probe: Probe) -> str:
    """Return WebM for what only that can hold, MP4 for everything else."""
    pictures, sounds = profile.keeps.get("webm", ((), ()))
    is_web = probe.video_codec in pictures and probe.audio_codec in (*sounds, None)
    return "webm" if is_web else "mp4"


def _sound(
    profile: Profile, probe: Probe, rules: set[str], container: str, *, is_whole: bool
) -> Sound | None:
    """Return how the sound is made anew; None where it is copied, or there is none."""
    rate = probe.audio_sample_rate if probe.audio_sample_rate in _SAMPLE_RATES else 48_000
    channels = min(probe.audio_channels or 2, profile.sound_channels_max)
    made = Sound(profile.sound_bit_rate, channels, rate)
    if probe.audio_codec is None:
        return replace(made, is_silence=True) if profile.adds_silence else None
    is_kept = (
        is_whole
        and probe.audio_codec in profile.keeps[container][1]
        and not rules & _SOUND_RULES
        and probe.container not in _UNTIMED
    )
    return None if is_kept else made


def _pictures(
    platform: str, probe: Probe, size_max: float | None, sound_rate: int
) -> Pictures | None:
    profile, ranges = PROFILES[platform], VIDEO_RULES[platform].ranges
    size = fitted_size(profile, probe, ranges.get("side", _FREE), ranges.get("width", _FREE))
    if size is None:
        return None
    rates = ranges.get("frame_rate", Bounds(high=60))
    frame_rate = constant_rate(
        probe.frame_rate, rates.low, rates.high, is_variable=probe.is_variable_rate
    )
    made = Pictures(
        *size,
        frame_rate=frame_rate,
        crf=profile.crf,
        bit_rate_max=profile.bit_rate_max,
        transfer=probe.transfer if probe.is_hdr else None,
        is_rgb=bool(probe.pixel_format and probe.pixel_format.startswith(_RGB)),
        deinterlace=probe.is_interlaced,
    )
    return within_size(made, probe.duration_seconds, size_max, sound_rate)


def within_size(
    made: Pictures, duration_seconds: float, size_max: float | None, sound_rate: int
) -> Pictures:
    """Return how pictures of that length stay below a size in bytes: by a lower cap, or by two
    passes. `sound_rate` is what the sound takes of it, in bits/s."""
    if size_max is None:
        return made
    left = int(size_max * 8 * _SIZE_USED / duration_seconds) - sound_rate
    numerator, denominator = made.frame_rate.split("/")
    pixels = made.width * made.height * int(numerator) / int(denominator)
    rate = max(left, int(pixels * _POOR), 50_000)
    if rate >= min(made.bit_rate_max, pixels * _RICH):
        return replace(made, bit_rate_max=min(made.bit_rate_max, rate))
    return replace(made, bit_rate=rate, bit_rate_max=2 * rate)
