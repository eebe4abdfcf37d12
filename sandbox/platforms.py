"""The platforms that the sandbox simulates."""

from dataclasses import dataclass

from sandbox import instagram, tiktok, youtube
from sandbox.core.calls import PlatformApi
from sandbox.core.kinds import AccountKind


@dataclass(frozen=True)
class Platform:
    """One platform: its API, its accounts, and the path prefixes that represent its hosts."""

    api: PlatformApi
    accounts: AccountKind
    prefixes: tuple[str, ...]


PLATFORMS: dict[str, Platform] = {
    "TIKTOK": Platform(tiktok.API, tiktok.KIND, ("tiktok", "tiktok-upload")),
    "INSTAGRAM": Platform(instagram.API, instagram.KIND, ("graph", "instagram", "rupload")),
    "YOUTUBE": Platform(youtube.API, youtube.KIND, ("youtube", "google")),
}


def platform_of_path(path: str) -> Platform | None:
    """Return the platform whose host a path represents."""
    first = path.split("/", 2)[1] if "/" in path else ""
    return next((one for one in PLATFORMS.values() if first in one.prefixes), None)
