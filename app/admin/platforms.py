"""Pausing and resuming a platform."""

from __future__ import annotations

from typing import Any

from werkzeug.exceptions import NotFound

from app.admin.blueprint import blueprint, done
from app.admin.filters import now
from app.platforms import PLATFORMS
from app.publishing import pausing


@blueprint.post("/platforms/<platform>/pause")
def pause(platform: str) -> Any:
    """Stop new posts on a platform; those in flight are finished."""
    name = _name(platform)
    pausing.pause(platform, now())
    message = f"{name} is paused: posts in flight are finished, all others wait"
    return done(message, "admin.overview", _anchor=platform)


@blueprint.post("/platforms/<platform>/resume")
def resume(platform: str) -> Any:
    """Let new posts start again, those that have waited first."""
    name = _name(platform)
    pausing.resume(platform, now())
    return done(
        f"{name} is resumed: posts that waited go first", "admin.overview", _anchor=platform
    )


def _name(platform: str) -> str:
    if platform not in PLATFORMS:
        raise NotFound("There is no such platform")
    return PLATFORMS[platform].name
