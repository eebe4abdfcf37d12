"""How long a video the channel may have: more than 15 minutes needs a verified one.

https://support.google.com/youtube/answer/71673
https://developers.google.com/youtube/v3/docs/channels#status.longUploadsStatus
"""

from __future__ import annotations

from collections.abc import Mapping

from workers.errors import AccountRefused, RequestRefused, VideoRefused
from workers.platforms.base import Context
from workers.platforms.fields import child, children, text
from workers.platforms.youtube.client import Client

SHORT_SECONDS = 15 * 60
LONG_SECONDS = 12 * 3600
_LIMITS: Mapping[str, int] = {
    "allowed": LONG_SECONDS,
    "eligible": SHORT_SECONDS,
    "disallowed": SHORT_SECONDS,
}


def refuse_too_long(client: Client, context: Context) -> None:
    """Raise `VideoRefused` for a long video that the channel may not have, before it is sent.

    Asks, for one unit, only where the answer matters.
    """
    seconds = context.draft.duration_seconds
    if seconds <= SHORT_SECONDS:
        return
    limit = _limit(client)
    if limit is None:
        return
    context.journal.learn_limit(limit)
    if seconds > limit:
        raise VideoRefused(
            "duration_max",
            f"the video has {seconds:.1f} s, and the YouTube channel may post {limit} s",
            hint="Verify the channel at youtube.com/verify, or cut the video",
        )


def _limit(client: Client) -> int | None:
    """Return the channel's limit; None where YouTube does not say, or not to this token."""
    try:
        items = children(client.read("channels", part="status", mine="true"), "items")
    except (AccountRefused, RequestRefused):
        return None
    status = text(child(items[0], "status"), "longUploadsStatus") if items else ""
    return _LIMITS.get(status)
