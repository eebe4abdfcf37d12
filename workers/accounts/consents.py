"""Exchange of the consent pages' authorization codes for tokens.

A code is valid once, so nothing is retried: a user whose exchange failed starts over.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import exists, select

from app.accounts import Connection
from app.accounts.consent_pages import callback_url
from app.accounts.exchange import CodeExchange, next_exchange, record_connected, record_failure
from app.accounts.requirements import connection_faults
from app.clock import utcnow
from app.config import current_config
from app.database.transaction import transaction
from app.models import Consent
from app.states import ConsentState
from workers.errors import PublishError
from workers.handlers import load_handler
from workers.platforms.connecting import ConnectedAccount, Grant
from workers.stopping import stop_requested
from workers.unresponsive import UnresponsivePlatforms

logger = logging.getLogger(__name__)
SCOPES_MISSING = "scopes_missing"


def exchange_granted() -> None:
    """Exchange every code that is waiting; a run's function, safe at any time.

    A user waits for each, so a code is tried even if its platform was marked unresponsive; but
    this run skips a platform after two exchanges in a row without a response.
    """
    unresponsive = UnresponsivePlatforms()
    while not stop_requested.is_set():
        exchange = next_exchange(utcnow(), without=unresponsive.found_here)
        if exchange is None:
            return
        with unresponsive.watch(exchange.platform):
            _exchange(exchange)


def is_any_to_exchange(now: datetime) -> bool:
    """Tell whether a code waits to be exchanged: the wake-up for it was lost."""
    waiting = exists().where(Consent.state == ConsentState.GRANTED, Consent.expires_at > now)
    with transaction() as session:
        return bool(session.scalar(select(waiting)))


def _exchange(exchange: CodeExchange) -> None:
    try:
        opened = _open(exchange)
    except PublishError as error:
        logger.info("%s not connected: %s", exchange.platform, error.code)
        words = ". ".join(part for part in (error.detail, error.hint) if part)
        record_failure(exchange, error.code, words)
        return
    except Exception:
        record_failure(exchange, "internal", "A fault of this service; it was logged")
        raise
    fault = _fault(exchange, opened)
    if fault:
        record_failure(exchange, SCOPES_MISSING, fault)
    else:
        record_connected(exchange, [_connection(exchange, one) for one in opened], utcnow())


def _open(exchange: CodeExchange) -> Sequence[ConnectedAccount]:
    config = current_config()
    grant = Grant(
        code=exchange.code,
        redirect_uri=callback_url(config, exchange.platform),
        login_type=exchange.login_type.value,
        verifier=exchange.verifier,
    )
    return load_handler(exchange.platform).connect(grant)


def _fault(exchange: CodeExchange, opened: Sequence[ConnectedAccount]) -> str:
    """Return which permissions publishing would lack: users may untick some on the page."""
    values = {"login_type": exchange.login_type or None, "scopes": opened[0].scopes}
    faults = connection_faults(exchange.platform, values, utcnow())
    return " ".join(message for messages in faults.values() for message in messages)


def _connection(exchange: CodeExchange, opened: ConnectedAccount) -> Connection:
    return Connection(
        user_id=exchange.user_id,
        platform=exchange.platform,
        platform_user_id=opened.platform_user_id,
        access_token=opened.access_token,
        refresh_token=opened.refresh_token,
        expires_at=opened.expires_at,
        username=opened.username or None,
        login_type=exchange.login_type,
        scopes=opened.scopes,
    )
