"""The platforms that the sandbox simulates."""

from dataclasses import dataclass

from sandbox import instagram, tiktok, youtube
from sandbox.core.calls import PlatformApi
from sandbox.core.kinds import AccountKind


@dataclass(frozen=True)
class Platform:
    """One platform: its API, its accounts, and the path prefixes that represent its hosts.

    `account_words` are how its consent page calls an account.
    """

    api: PlatformApi
    accounts: AccountKind
    prefixes: tuple[str, ...]
    account_words: str


PLATFORMS: dict[str, Platform] = {
    "TIKTOK": Platform(tiktok.API, tiktok.KIND, ("tiktok", "tiktok-upload"), "a TikTok account"),
    "INSTAGRAM": Platform(
        instagram.API,
        instagram.KIND,
        ("graph", "instagram", "rupload"),
        "an Instagram account",
    ),
    "YOUTUBE": Platform(youtube.API, youtube.KIND, ("youtube", "google"), "a YouTube account"),
}


def platform_of_path(path: str) -> Platform | None:
    """Return the platform whose host a path represents."""
    first = path.split("/", 2)[1] if "/" in path else ""
    return next((one for one in PLATFORMS.values() if first in one.prefixes), None)
