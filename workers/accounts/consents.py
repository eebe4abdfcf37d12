"""Exchanging what consent pages answered for tokens: a run's function, safe at any time.

A code is good once, and so is its consent: nothing is tried a second time. A user who was told
that it failed begins again.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

from flask import current_app

from app.accounts import Connection
from app.accounts.consent_pages import callback_url
from app.accounts.exchanging import Exchange, connected, failed, next_exchange
from app.accounts.requirements import connection_faults
from app.clock import utcnow
from app.config import Config
from workers.errors import PublishError
from workers.handlers import load_handler
from workers.maintenance.asking import Asking
from workers.platforms.connecting import ConnectedAccount, Grant
from workers.stopping import stop_requested

logger = logging.getLogger(__name__)
SCOPES_MISSING = "scopes_missing"


def exchange_granted() -> None:
    """Exchange every code that waits for it.

    One is tried even where its platform did not answer a moment ago, for a user waits for it; but
    behind two that were not answered, those of other platforms go first, in this run.
    """
    asking = Asking()
    while not stop_requested.is_set():
        exchange = next_exchange(utcnow(), without=asking.given_up)
        if exchange is None:
            return
        with asking.of(exchange.platform):
            _settle(exchange)


def _settle(exchange: Exchange) -> None:
    try:
        opened = _open(exchange)
    except PublishError as error:
        logger.info("%s not connected: %s", exchange.platform, error.code)
        words = ". ".join(part for part in (error.detail, error.hint) if part)
        failed(exchange, error.code, words)
        return
    except Exception:
        failed(exchange, "internal", "A fault of this service; it is logged")
        raise
    fault = _fault(exchange, opened)
    if fault:
        failed(exchange, SCOPES_MISSING, fault)
    else:
        connected(exchange, [_connection(exchange, one) for one in opened], utcnow())


def _open(exchange: Exchange) -> Sequence[ConnectedAccount]:
    config: Config = current_app.config["SETTINGS"]
    grant = Grant(
        code=exchange.code,
        redirect_uri=callback_url(config, exchange.platform),
        login_type=exchange.login_type,
        verifier=exchange.verifier,
    )
    return load_handler(exchange.platform).connect(grant)


def _fault(exchange: Exchange, opened: Sequence[ConnectedAccount]) -> str:
    """Return what publishing would miss; users may untick boxes on the platform's page."""
    values = {"login_type": exchange.login_type or None, "scopes": opened[0].scopes}
    faults = connection_faults(exchange.platform, values, utcnow())
    return " ".join(message for messages in faults.values() for message in messages)


def _connection(exchange: Exchange, opened: ConnectedAccount) -> Connection:
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
