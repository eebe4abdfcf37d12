"""What is in workers' hands at the moment: how many uploads, and whose."""

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
_UPLOADING = select(_JOBS.c.account_id, _JOBS.c.due_at).where(
    _JOBS.c.platform == bindparam("platform"), LEASED, _JOBS.c.is_at_platform.is_(False)
)


@dataclass(frozen=True)
class Places:
    """What of a platform's places is taken. Leases that have ended hold none."""

    platform: str
    uploads: int
    uploads_by_account: Counter[str]
    #: whose lease has ended, each by its account: they go on before others begin
    lost_by_account: Counter[str]

    @property
    def free_uploads(self) -> int:
        """How many more uploads may begin, as far as the platform's ceiling goes."""
        return max(at_once(self.platform, "platform") - self.uploads, 0)

    @property
    def full_accounts(self) -> list[str]:
        """The accounts that have as many uploads as they may have."""
        most = at_once(self.platform, "account")
        return [account for account, count in self.uploads_by_account.items() if count >= most]

    @property
    def lost_uploads(self) -> int:
        """How many uploads whose worker was lost may go on: their accounts have room."""
        full = self.full_accounts
        return sum(count for account, count in self.lost_by_account.items() if account not in full)


def read_places(session: Session, platform: str, now: datetime) -> Places:
    """Look at what is leased: never more rows than there are workers."""
    session.flush()  # by the table, not by the class: nothing else would
    held, lost = Counter[str](), Counter[str]()
    for account_id, due_at in session.execute(_UPLOADING, {"platform": platform}):
        (held if due_at is not None and due_at > now else lost)[account_id] += 1
    return Places(platform, held.total(), held, lost)
