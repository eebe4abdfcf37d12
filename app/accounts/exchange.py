"""The worker's side of a consent: claiming it, and recording the exchange."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import select

from app.accounts.connect import Connection, connect_account
from app.database.transaction import transaction
from app.failures import CODE_MAX_CHARS, MESSAGE_MAX_CHARS
from app.models import Consent
from app.states import ConsentState, LoginType


@dataclass(frozen=True)
class CodeExchange:
    """A consent claimed by a worker."""

    consent_id: str
    user_id: str
    platform: str
    login_type: LoginType
    code: str = field(repr=False)
    verifier: str | None = field(repr=False)


def next_exchange(now: datetime, *, without: Collection[str] = ()) -> CodeExchange | None:
    """Claim the next consent to exchange; None if there is none.

    `without` are platforms to skip.
    """
    query = (
        select(Consent)
        .where(
            Consent.state == ConsentState.GRANTED,
            Consent.expires_at > now,
            Consent.platform.not_in(without),
        )
        .order_by(Consent.expires_at)
        .limit(1)
        .with_for_update(skip_locked=True)
    )
    with transaction() as session:
        consent = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
        if consent is None:
            return None
        exchange = CodeExchange(
            consent.id,
            consent.user_id,
            consent.platform,
            consent.login_type,
            consent.code or "",
            consent.verifier,
        )
        consent.state = ConsentState.EXCHANGING
        consent.code = consent.verifier = None
    return exchange


def record_connected(
    exchange: CodeExchange, connections: Sequence[Connection], now: datetime
) -> None:
    """Store the accounts that the consent connected; the browser gets the first one's id."""
    accounts = [connect_account(connection, now)[0] for connection in connections]
    with transaction() as session:
        consent = session.get_one(Consent, exchange.consent_id, with_for_update=True)
        consent.state = ConsentState.CONNECTED
        consent.account_id = accounts[0].id


def record_failure(exchange: CodeExchange, code: str, message: str) -> None:
    """Store why the exchange failed."""
    with transaction() as session:
        consent = session.get_one(Consent, exchange.consent_id, with_for_update=True)
        consent.state = ConsentState.FAILED
        consent.error_code = code[:CODE_MAX_CHARS]
        consent.error_message = message[:MESSAGE_MAX_CHARS]
