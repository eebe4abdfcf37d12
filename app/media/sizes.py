"""The frame size of a transcoded file. Pure."""

from __future__ import annotations

from app.media.facts import Probe
from app.media.profiles import Profile
from app.media.video_rules import Bounds


def fitted_size(
    profile: Profile, probe: Probe, sides: Bounds, widths: Bounds
) -> tuple[int, int] | None:
    """Return width and height in square pixels, both even; None where no size fits.

    The source's size where that is within bounds; larger only where the platform accepts nothing
    so small.
    """
    width, height = probe.width * probe.pixel_ratio, float(probe.height)
    short, long = min(width, height), max(width, height)
    scale = min(1.0, profile.short_side_max / short, profile.long_side_max / long)
    if widths.high is not None:
        scale = min(scale, widths.high / width)
    if sides.low is not None:
        scale = max(scale, sides.low / short)
    size = _even(width * scale), _even(height * scale)
    if sides.high is not None and max(size) > sides.high:
        return None
    return size


def _even(length: float) -> int:
    """Return the nearest even number of pixels: 4:2:0 subsamples chroma in pairs."""
    return max(2, 2 * round(length / 2))
