"""Checks a file against a platform's rules: each violation with its limit and figure. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from app.media.facts import Probe
from app.media.video_rules import MB, VIDEO_RULES, Bounds


@dataclass(frozen=True)
class Violation:
    """One rule, or one recommendation, that a file violates.

    `rule` is stable (`duration_min`, `size_max`, `video_codec` …). `is_fixable` says whether
    transcoding can help. `message` is a sentence that names the figure and the limit.
    """

    rule: str
    limit: float | str
    actual: float | str
    message: str
    is_fixable: bool = True


@dataclass(frozen=True)
class _Measure:
    """How to read a figure and word it. `slack` is the tolerance of the measurement."""

    read: Callable[[Probe], tuple[float | None, ...]]
    sentence: str
    unit: str
    divisor: float = 1
    slack: float = 0
    is_fixable: bool = True

    def text(self, value: float) -> str:
        return f"{value / self.divisor:,.3f}".rstrip("0").rstrip(".") + self.unit


_MEASURES: dict[str, _Measure] = {
    "duration": _Measure(
        lambda probe: (probe.duration_seconds,), "The video lasts {}", " s", is_fixable=False
    ),
    "ratio": _Measure(
        lambda probe: (probe.width * probe.pixel_ratio / probe.height,),
        "The aspect ratio is {}",
        ":1",
        slack=0.01,
        is_fixable=False,
    ),
    "size": _Measure(lambda probe: (probe.size_bytes,), "The file is {}", " MB", divisor=MB),
    # An average over a whole file is slightly off: 60 fps often measures as 60.002.
    "frame_rate": _Measure(
        lambda probe: (probe.frame_rate,), "The video has {}", " frames per second", slack=0.05
    ),
    "side": _Measure(
        lambda probe: (probe.width, probe.height), "A side of the frame is {}", " pixels"
    ),
    "width": _Measure(lambda probe: (probe.width,), "The frame width is {}", " pixels"),
    "bit_rate": _Measure(lambda probe: (probe.bit_rate,), "The bit rate is {}", " Mbit/s", MB),
    "audio_channels": _Measure(
        lambda probe: (probe.audio_channels,), "The audio has {}", " channels"
    ),
    "audio_sample_rate": _Measure(
        lambda probe: (probe.audio_sample_rate,), "The audio sample rate is {}", " Hz"
    ),
}

_INDEX: dict[bool | None, str | None] = {True: "in front", False: "at the end", None: None}
_EDIT_LIST: dict[bool | None, str | None] = {True: "present", False: "none", None: None}


@dataclass(frozen=True)
class _Choice:
    """How to read one of a few values and word it."""

    read: Callable[[Probe], str | None]
    sentence: str
    allowed: str = "{}"


_CHOICES: dict[str, _Choice] = {
    "container": _Choice(lambda probe: probe.content_type, "The file is {}"),
    "video_codec": _Choice(lambda probe: probe.video_codec, "The video is encoded as {}"),
    "audio_codec": _Choice(lambda probe: probe.audio_codec, "The audio is encoded as {}"),
    "chroma": _Choice(lambda probe: _chroma(probe.pixel_format), "The chroma subsampling is {}"),
    "h264_format": _Choice(lambda probe: _h264_format(probe), "The video is H.264 with {}", "{}"),
    "scan": _Choice(
        lambda probe: "interlaced" if probe.is_interlaced else "progressive",
        "The video is {}",
    ),
    "index": _Choice(
        lambda probe: _INDEX[probe.moov_first], "The file's index (moov) is {}", "it {}"
    ),
    "edit_list": _Choice(
        lambda probe: _EDIT_LIST[probe.has_edit_list], "The file has an edit list"
    ),
}


def violations(platform: str, probe: Probe) -> list[Violation]:
    """Return every rule of the platform that the file violates, those that nothing fixes first."""
    rules = VIDEO_RULES[platform]
    verb = f"{rules.name} accepts"
    found = [*_ranges(verb, probe, rules.ranges), *_choices(verb, probe, rules.choices)]
    return sorted(found, key=lambda violation: violation.is_fixable)


def too_long_for_account(platform: str, probe: Probe, limit_seconds: int | None) -> str | None:
    """Return a sentence if a file exceeds the limit last reported for an account; else None.

    Such limits grow, as once its owner has verified a channel: only the platform can refuse a file.
    """
    if limit_seconds is None or probe.duration_seconds <= limit_seconds:
        return None
    measure = _MEASURES["duration"]
    return (
        f"{measure.sentence.format(measure.text(probe.duration_seconds))};"
        f" {VIDEO_RULES[platform].name} last said that it accepts at most"
        f" {measure.text(limit_seconds)} of this account."
    )


def warnings(platform: str, probe: Probe) -> list[Violation]:
    """Return what the platform accepts, but recommends against or may not show everywhere."""
    rules = VIDEO_RULES[platform]
    verb = f"{rules.name} recommends"
    return [
        *_ranges(verb, probe, rules.advised_ranges),
        *_choices(verb, probe, rules.advised_choices),
    ]


def _ranges(verb: str, probe: Probe, ranges: Mapping[str, Bounds]) -> Iterator[Violation]:
    for name, bounds in ranges.items():
        measure = _MEASURES[name]
        for value in measure.read(probe):
            if value is None:
                continue
            if bounds.low is not None and value < bounds.low - measure.slack:
                yield _outside(f"{name}_min", f"{verb} at least", measure, value, bounds.low)
            if bounds.high is not None and value > bounds.high + measure.slack:
                yield _outside(f"{name}_max", f"{verb} at most", measure, value, bounds.high)


def _outside(rule: str, verb: str, measure: _Measure, value: float, limit: float) -> Violation:
    sentence = measure.sentence.format(measure.text(value))
    message = f"{sentence}; {verb} {measure.text(limit)}."
    return Violation(rule, limit, value, message, measure.is_fixable)


def _choices(
    verb: str, probe: Probe, choices: Mapping[str, tuple[str, ...]]
) -> Iterator[Violation]:
    for rule, allowed in choices.items():
        choice = _CHOICES[rule]
        actual = choice.read(probe)
        if actual is not None and actual not in allowed:
            limit = ", ".join(allowed)
            message = f"{choice.sentence.format(actual)}; {verb} {choice.allowed.format(limit)}."
            yield Violation(rule, limit, actual, message)


def _h264_format(probe: Probe) -> str | None:
    chroma = _chroma(probe.pixel_format)
    if probe.video_codec != "h264" or probe.bit_depth is None or chroma is None:
        return None
    return f"{probe.bit_depth} bits {chroma}"


def _chroma(pixel_format: str | None) -> str | None:
    """Return a pixel format's chroma subsampling, as 4:2:0; an unknown format's own name."""
    if pixel_format is None:
        return None
    if pixel_format.startswith(("nv12", "nv21", "p010", "p016")):
        return "4:2:0"
    for digits in ("420", "422", "444", "440", "411", "410"):
        if digits in pixel_format:
            return ":".join(digits)
    return pixel_format
