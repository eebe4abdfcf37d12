"""Tests of the limits, and how other tests turn them off."""

from __future__ import annotations

from app.platforms import PLATFORMS


def without_limits(**own: int) -> dict[str, int]:
    """Return maxima that no test reaches, except those in `own`."""
    high = {limit.setting: 10**6 for one in PLATFORMS.values() for limit in one.limits}
    return {**high, **own}
