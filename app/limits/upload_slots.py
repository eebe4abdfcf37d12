"""Upload slots: how many uploads are in flight on a platform, and on each account."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Table, bindparam, select
from sqlalchemy.orm import Session

from app.limits.rules import at_once
from app.models import PublishJob
from app.models.publish_job import LEASED

_JOBS = cast(Table, PublishJob.__table__)
_UPLOADS = select(_JOBS.c.account_id, _JOBS.c.due_at).where(
    _JOBS.c.platform == bindparam("platform"), LEASED, _JOBS.c.is_at_platform.is_(False)
)


@dataclass(frozen=True)
class UploadSlots:
    """The slots of a platform in use. An expired lease occupies none."""

    platform: str
    in_use: int
    in_use_by_account: Counter[str]
    #: uploads whose lease has expired, which resume before others begin
    expired_by_account: Counter[str]

    @property
    def free(self) -> int:
        """How many more uploads the platform's concurrency limit allows."""
        return max(at_once(self.platform, "platform") - self.in_use, 0)

    @property
    def full_accounts(self) -> list[str]:
        """The accounts at their concurrency limit."""
        limit = at_once(self.platform, "account")
        return [account for account, count in self.in_use_by_account.items() if count >= limit]

    @property
    def resumable(self) -> int:
        """How many uploads with an expired lease may resume: their accounts have a free slot."""
        full = self.full_accounts
        return sum(
            count for account, count in self.expired_by_account.items() if account not in full
        )


def read_upload_slots(session: Session, platform: str, now: datetime) -> UploadSlots:
    """Count the leased uploads: never more rows than there are workers."""
    session.flush()  # a query on the table, unlike one on the class, does not flush by itself
    in_use, expired = Counter[str](), Counter[str]()
    for account_id, due_at in session.execute(_UPLOADS, {"platform": platform}):
        (in_use if due_at is not None and due_at > now else expired)[account_id] += 1
    return UploadSlots(platform, in_use.total(), in_use, expired)
