"""TikTok's state: publishes by id and by upload, and each token's calls."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.core.accounts import Account
from sandbox.core.bodies import Received
from sandbox.core.errors import Refusal
from sandbox.core.fields import bearer_token
from sandbox.core.processing import Processing
from sandbox.core.windows import ActiveKeys, RollingWindow
from sandbox.core.world import World, current_world

DAY_SECONDS = 86_400


@dataclass(frozen=True)
class ChunkPlan:
    """The chunk plan that the client announced."""

    video_size: int
    chunk_size: int
    chunks: int

    def chunk_end(self, offset: int) -> int:
        """Return where the chunk that holds byte `offset` ends (exclusive)."""
        number = min(offset // self.chunk_size, self.chunks - 1)
        is_last = number == self.chunks - 1
        return self.video_size if is_last else (number + 1) * self.chunk_size


@dataclass
class Publish:
    """One publish id from init to its end. `plan` None: TikTok pulls the file itself."""

    id: str
    account: Account
    is_draft: bool
    post_info: dict[str, Any]
    expires_at: datetime
    received: Received
    plan: ChunkPlan | None = None
    upload_token: str = ""
    processing: Processing | None = None
    failure: str | None = None
    post_id: str | None = None
    post_id_at: datetime | None = None

    @property
    def is_public(self) -> bool:
        """Return whether the post is public."""
        return self.post_info.get("privacy_level") == "PUBLIC_TO_EVERYONE"


@dataclass
class TikTokState:
    """Guarded by the world's lock."""

    publishes: dict[str, Publish] = field(default_factory=dict)
    uploads: dict[str, Publish] = field(default_factory=dict)
    calls: RollingWindow = field(default_factory=lambda: RollingWindow(60))
    posts: RollingWindow = field(default_factory=lambda: RollingWindow(DAY_SECONDS))
    drafts: RollingWindow = field(default_factory=lambda: RollingWindow(DAY_SECONDS))
    users: ActiveKeys = field(default_factory=lambda: ActiveKeys(DAY_SECONDS))


def state() -> TikTokState:
    """Return TikTok's part of the world."""
    return current_world().part(TikTokState)


def count_call(call: str, per_minute: int) -> None:
    """Count a call against its token's limit per minute, and refuse it beyond that."""
    world = current_world()
    key = f"{call}:{bearer_token()}"
    with world.lock:
        window, now = state().calls, world.clock.now()
        if window.count(key, now) >= per_minute:
            raise Refusal("rate_limit_exceeded")
        window.add(key, now)


def check_caps(world: World, account: Account) -> None:
    """Refuse an account that may not post now: banned, daily cap, or the app's user cap."""
    now, settings = world.clock.now(), world.settings
    if account.options.banned:
        raise Refusal("spam_risk_user_banned_from_posting")
    with world.lock:
        if state().posts.count(account.id, now) >= settings.tiktok_posts_per_day:
            raise Refusal("spam_risk_too_many_posts")
        audited = world.is_audited(account, settings.tiktok_audited)
        users = settings.tiktok_active_users_per_day if audited else 5
        if state().users.others(account.id, now) >= users:
            raise Refusal("reached_active_user_cap")
