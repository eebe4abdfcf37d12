"""Pausing a platform, and letting it go on."""

from __future__ import annotations

from typing import Any

from werkzeug.exceptions import NotFound

from app.admin.blueprint import blueprint, done
from app.admin.words import now
from app.platforms import PLATFORMS
from app.publishing import pausing


@blueprint.post("/platforms/<platform>/pause")
def pause(platform: str) -> Any:
    """Let no post begin on a platform; those under way are published."""
    name = _name(platform)
    pausing.pause(platform, now())
    words = f"{name} is paused: posts under way are finished, all others wait"
    return done(words, "admin.overview", _anchor=platform)


@blueprint.post("/platforms/<platform>/resume")
def resume(platform: str) -> Any:
    """Let posts begin again, those that waited first."""
    name = _name(platform)
    pausing.resume(platform, now())
    return done(f"{name} goes on: what waited goes first", "admin.overview", _anchor=platform)


def _name(platform: str) -> str:
    if platform not in PLATFORMS:
        raise NotFound("There is no such platform")
    return PLATFORMS[platform].name
