"""Scheduled renewal of tokens that cannot be renewed once they have expired.

That is so with Instagram Login, whose tokens are renewed a week after they were issued
(`app.accounts.renewal`). Others are refreshed before they are used (`workers.accounts.tokens`).
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime, timedelta

from sqlalchemy import exists, select

from app.clock import utcnow
from app.database.transaction import transaction
from app.limits.unresponsive import unresponsive_platforms
from app.models import Account
from app.models.account import RENEWABLE
from app.queries.accounts import WITHOUT_TOKENS
from workers.accounts import tokens
from workers.errors import PublishError
from workers.handlers import load_handler
from workers.stopping import stop_requested
from workers.unresponsive import UnresponsivePlatforms

logger = logging.getLogger(__name__)
#: Pause after a failed renewal: weeks are left for it.
RETRY_AFTER = timedelta(hours=6)


def is_any_to_renew(now: datetime) -> bool:
    """Tell whether a token is due for renewal whose platform responds."""
    with transaction() as session:
        others = Account.platform.not_in(unresponsive_platforms(session, now))
        due = exists().where(RENEWABLE, Account.renew_at <= now, others)
        return bool(session.scalar(select(due)))


def renew_due() -> None:
    """Renew every token that is due; a run's function, safe at any time."""
    unresponsive = UnresponsivePlatforms()
    while not stop_requested.is_set():
        taken = _take_one(utcnow(), unresponsive.to_avoid())
        if taken is None:
            return
        platform, account_id = taken
        try:
            with unresponsive.watch(platform):
                tokens.renew(load_handler(platform), account_id)
        except PublishError as error:
            logger.warning("token of account %s not renewed: %s", account_id, error.code)


def _take_one(now: datetime, without: Collection[str]) -> tuple[str, str] | None:
    """Claim a due account by rescheduling its next renewal; return its platform and id.

    Its tokens are not loaded: one that no key decrypts would block the renewal of all others.
    """
    with transaction() as session:
        query = (
            select(Account)
            .options(*WITHOUT_TOKENS)
            .where(RENEWABLE, Account.renew_at <= now, Account.platform.not_in(without))
            .order_by(Account.renew_at)
            .limit(1)
            .with_for_update(skip_locked=True)
        )
        account = session.scalars(query.execution_options(populate_existing=True)).first()
        if account is None:
            return None
        account.renew_at = now + RETRY_AFTER
        return account.platform, account.id
