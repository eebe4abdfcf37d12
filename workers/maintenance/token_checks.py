"""Whether a platform still takes an account's token: asked with one cheap read.

A token that has not run out may be worthless all the same: its owner has taken the consent back,
or changed the password. Only the platform knows.
"""

from __future__ import annotations

from datetime import datetime

from app.clock import utcnow
from app.database.transaction import transaction
from app.limits import gates
from workers.accounts import tokens
from workers.errors import AccountRefused, RateLimited, TokenExpired
from workers.handlers import load_handler
from workers.platforms.base import Access, Handler, Upload
from workers.platforms.budget import Budget
from workers.platforms.counting import ReadContext
from workers.publishing.budget import RunBudget


def check_token(platform: str, account_id: str) -> None:
    """Ask a platform whether it takes the account's token, which is renewed first where need be.

    Raises `AccountRefused` when it does not, and then the account's owner has been told;
    `RateLimited` when questions are to wait; and whatever else the read or a refresh raises.
    """
    handler = load_handler(platform)
    access = tokens.access_for(handler, account_id)
    _heed_gates(platform, account_id, utcnow())
    budget = RunBudget(platform, account_id)
    try:
        _ask(handler, account_id, access, budget)
    finally:
        budget.settle()


def _heed_gates(platform: str, account_id: str, now: datetime) -> None:
    with transaction() as session:
        for gate in gates.read(session, [account_id, platform]).values():
            until = gate.reads_closed_until
            if until is not None and until > now:
                why = gates.reason(gate)
                raise RateLimited(why.code, why.message, retry_at=until, calls=True, hint=why.hint)


def _ask(handler: Handler[Upload], account_id: str, access: Access, budget: Budget) -> None:
    try:
        try:
            handler.check_access(ReadContext(access, utcnow, budget))
        except TokenExpired:
            access = tokens.refresh(handler, account_id, stale_token=access.token)
            _ask_with_fresh(handler, access, budget)
    except AccountRefused as error:
        tokens.tell_refused(account_id, access.token, error)
        raise


def _ask_with_fresh(handler: Handler[Upload], access: Access, budget: Budget) -> None:
    """Ask once more: whoever refuses a token that was just renewed means the account."""
    try:
        handler.check_access(ReadContext(access, utcnow, budget))
    except TokenExpired as error:
        raise tokens.refused_young(error) from error
