"""Processing of a complete upload, which takes a while by the sandbox's clock.

Nothing runs in the background: the outcome is decided at once and visible from `ready_at` on.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from sandbox.core.bodies import Received
from sandbox.core.probe import StoredVideo, probe
from sandbox.core.world import World

NEVER = datetime.max.replace(tzinfo=timezone.utc)


@dataclass(frozen=True)
class Processing:
    """Processing of one video; `failure` is the platform's reason, None when all is well."""

    started_at: datetime
    ready_at: datetime
    failure: str | None

    def is_over(self, now: datetime) -> bool:
        """Return whether the outcome is visible by now."""
        return now >= self.ready_at


def inspect(received: Received) -> StoredVideo:
    """Probe a complete file, then delete it; only its hash, size and probe are kept."""
    video = StoredVideo(received.sha256(), received.size_bytes, probe(received.path))
    received.remove()
    return video


def begin(world: World, platform: str, account: str, failure: str | None) -> Processing:
    """Start processing, delayed or failed by the active faults."""
    now = world.clock.now()
    failing = world.faults.take_processing(platform, "fail_processing", account)
    stuck = world.faults.take_processing(platform, "stuck_processing", account)
    ready_at = now + timedelta(seconds=world.settings.processing_seconds)
    if stuck is not None:
        ready_at = NEVER if stuck.seconds is None else now + timedelta(seconds=stuck.seconds)
    return Processing(now, ready_at, failing.reason if failing else failure)
