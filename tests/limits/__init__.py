"""Tests of the limits, and what other tests need to have none."""

from __future__ import annotations

from app.platforms import PLATFORMS


def without_limits(**own: int) -> dict[str, int]:
    """Return figures that no test reaches, but for those of `own`."""
    high = {limit.setting: 10**6 for one in PLATFORMS.values() for limit in one.limits}
    return {**high, **own}
