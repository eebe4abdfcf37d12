"""YouTube's state: upload sessions, and the quotas until midnight in Los Angeles."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sandbox.core.accounts import Account
from sandbox.core.bodies import Received
from sandbox.core.errors import Refusal
from sandbox.core.posts import Post
from sandbox.core.windows import RollingWindow
from sandbox.core.world import World

PACIFIC = ZoneInfo("America/Los_Angeles")
DAY_SECONDS = 86_400


@dataclass
class Session:
    """One resumable upload. `post` is set when the last byte was accepted."""

    upload_id: str
    account: Account
    resource: dict[str, Any]
    parts: list[str]
    size_bytes: int
    file_name: str
    expires_at: datetime
    received: Received
    post: Post | None = None


@dataclass
class YouTubeState:
    """Guarded by the world's lock."""

    sessions: dict[str, Session] = field(default_factory=dict)
    spent: Counter[tuple[str, str]] = field(default_factory=Counter)
    channel_uploads: RollingWindow = field(default_factory=lambda: RollingWindow(DAY_SECONDS))


def _spend(world: World, bucket: str, cost: int, limit: int) -> bool:
    day = world.clock.now().astimezone(PACIFIC).date().isoformat()
    with world.lock:
        spent = world.part(YouTubeState).spent
        if spent[(day, bucket)] + cost > limit:
            return False
        spent[(day, bucket)] += cost
        return True


def spend_units(world: World, units: int) -> None:
    """Charge units of the general quota."""
    if not _spend(world, "units", units, world.settings.youtube_units_per_day):
        raise Refusal("quotaExceeded")


def spend_upload(world: World) -> None:
    """Charge one upload of the upload bucket."""
    if not _spend(world, "uploads", 1, world.settings.youtube_uploads_per_day):
        raise Refusal("quotaExceeded", "The quota for video uploads of today is used up.")


def spend_stats(world: World) -> None:
    """Charge one call of the statistics bucket."""
    if not _spend(world, "stats", 1, world.settings.youtube_stats_per_day):
        raise Refusal("quotaExceeded")
