"""Instagram's state: containers, and each account's calls and posts."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sandbox.core.accounts import Account
from sandbox.core.bodies import Received
from sandbox.core.posts import Post
from sandbox.core.probe import StoredVideo
from sandbox.core.processing import Processing
from sandbox.core.windows import RollingWindow
from sandbox.core.world import current_world

DAY_SECONDS = 86_400
CONTAINER_LIFE = timedelta(hours=24)


@dataclass
class Container:
    """One container from its creation to its post. `is_resumable`: its bytes come by rupload;
    `shown_at`: when it starts to report that it is published."""

    id: str
    account: Account
    parameters: dict[str, Any]
    is_resumable: bool
    created_at: datetime
    received: Received
    file_size: int | None = None
    processing: Processing | None = None
    video: StoredVideo | None = None
    post: Post | None = None
    shown_at: datetime | None = None

    def status_code(self, now: datetime) -> str:
        """Return the container's state; PUBLISHED is final."""
        if self.post is not None:
            is_shown = self.shown_at is None or now >= self.shown_at
            return "PUBLISHED" if is_shown else "FINISHED"
        if now >= self.created_at + CONTAINER_LIFE:
            return "EXPIRED"
        if self.processing is None or not self.processing.is_over(now):
            return "IN_PROGRESS"
        return "FINISHED" if self.processing.failure is None else "ERROR"


@dataclass
class InstagramState:
    """Guarded by the world's lock."""

    containers: dict[str, Container] = field(default_factory=dict)
    page_tokens: dict[str, str] = field(default_factory=dict)
    calls: RollingWindow = field(default_factory=lambda: RollingWindow(3600))
    made: RollingWindow = field(default_factory=lambda: RollingWindow(DAY_SECONDS))
    posts: RollingWindow = field(default_factory=lambda: RollingWindow(DAY_SECONDS))


def state() -> InstagramState:
    """Return Instagram's part of the world."""
    return current_world().part(InstagramState)
