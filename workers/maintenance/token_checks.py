"""Checks whether a platform still accepts an account's token, by one cheap read.

A token that has not expired may still be invalid: its owner has revoked the consent or changed the
password. Only the platform knows.
"""

from __future__ import annotations

from datetime import datetime

from app.clock import utcnow
from app.database.transaction import transaction
from app.limits import gates
from workers.accounts.reading import read_as
from workers.errors import NotAsked
from workers.handlers import load_handler
from workers.platforms.base import Access
from workers.platforms.counting import ReadContext
from workers.publishing.budget import RunBudget


def check_token(platform: str, account_id: str) -> None:
    """Check that the platform accepts the account's token, refreshing it first if needed.

    Raises `AccountRefused`, after notifying the account's owner, or `TokenExpired`, for a token
    that is refused although it was just refreshed, if it does not; `NotAsked` if reads have to
    wait; and whatever else the read or a refresh raises.
    """
    handler = load_handler(platform)
    budget = RunBudget(platform, account_id)

    def check(access: Access) -> None:
        _check_gates(platform, account_id, utcnow())
        handler.check_access(ReadContext(access, utcnow, budget))

    try:
        read_as(handler, account_id, check)
    finally:
        budget.settle()


def _check_gates(platform: str, account_id: str, now: datetime) -> None:
    """Raise `NotAsked` while the account or its platform is closed for reads."""
    with transaction() as session:
        for gate in gates.read(session, [account_id, platform]).values():
            until = gate.reads_closed_until
            if until is not None and until > now:
                why = gates.reason(gate)
                raise NotAsked(
                    why.code, why.message, retry_at=until, blocks_reads=True, hint=why.hint
                )
