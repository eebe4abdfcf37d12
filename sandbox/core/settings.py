"""Settings that can be changed while the sandbox runs (`POST /_sandbox/settings`)."""

from dataclasses import asdict, dataclass, fields, replace
from typing import Any


@dataclass(frozen=True)
class Settings:
    """Quotas and delays; the defaults are the platforms' documented numbers."""

    processing_seconds: float = 0.5
    takeover_seconds: float = 1.0  # how long a new stream waits for one that is still sending
    client_id: str = "sandbox-client"
    client_secret: str = "sandbox-secret"

    tiktok_audited: bool = True
    tiktok_posts_per_day: int = 15
    tiktok_creator_info_per_minute: int = 20
    tiktok_init_per_minute: int = 6
    tiktok_status_per_minute: int = 30
    tiktok_videos_per_minute: int = 600
    tiktok_active_users_per_day: int = 100_000
    tiktok_post_id_seconds: float = 0.5

    instagram_graph_version: str = "v26.0"
    instagram_posts_per_day: int = 100
    instagram_containers_per_day: int = 400
    instagram_calls_per_hour: int = 4800
    instagram_strict_layout: bool = True
    instagram_status_lag_seconds: float = 0.0
    instagram_other_pages: int = 0

    youtube_audited: bool = True
    youtube_uploads_per_day: int = 100
    youtube_units_per_day: int = 10_000
    youtube_stats_per_day: int = 10_000
    youtube_channel_uploads_per_day: int = 100
    youtube_session_seconds: int = 604_800

    def to_json(self) -> dict[str, Any]:
        """Return every setting by name."""
        return asdict(self)

    def changed(self, changes: dict[str, Any]) -> "Settings":
        """Return a copy with `changes`. Raises ValueError for an unknown name or a wrong type."""
        known = {field.name: getattr(self, field.name) for field in fields(self)}
        for name, value in changes.items():
            if name not in known:
                raise ValueError(f"unknown setting: {name}")
            if not _fits(known[name], value):
                raise ValueError(f"{name} must be like {known[name]!r}")
        return replace(self, **changes)


def _fits(current: Any, value: Any) -> bool:
    if isinstance(current, bool) or isinstance(value, bool):
        return isinstance(current, bool) and isinstance(value, bool)
    if isinstance(current, (int, float)):
        return isinstance(value, (int, float)) and value >= 0
    return isinstance(value, str) and bool(value)
