"""OAuth consents: requested by a user, completed on the platform, exchanged by a worker.

OAuth's `state` is the signed id of the consent: it identifies the user who started it, is valid for
one response, and expires after minutes. As with every platform call, a worker exchanges the code
for tokens, while the browser waits.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import delete, select, update

from app.accounts.consent_pages import CONSENT_PAGES, consent_url, new_verifier
from app.config import Config
from app.database.results import rows_changed
from app.database.transaction import transaction
from app.failures import CODE_MAX_CHARS, MESSAGE_MAX_CHARS
from app.models import Consent
from app.queues import wake_function
from app.queues.names import CONNECT
from app.states import ConsentState, LoginType

#: How long a user may take on the consent page.
CONSENT_LIFETIME = timedelta(minutes=15)
#: How long a code can be exchanged: platforms' codes live a few minutes.
EXCHANGE_LIFETIME = timedelta(minutes=5)
#: How long a finished consent is kept for the browser that waits for it.
RETENTION = timedelta(hours=1)
_SALT = "consent"


class ConsentRefused(Exception):
    """Raised for a state that is forged, expired or already used; the message is for a person."""


@dataclass(frozen=True)
class ConsentRequest:
    """Where to send the user, and how long the request is valid."""

    url: str
    expires_at: datetime


class StateSigner:
    """Signs the OAuth states: the first key signs, every key verifies."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._serializer = URLSafeTimedSerializer(
            list(reversed(keys)), salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256}
        )

    def sign(self, consent_id: str) -> str:
        """Return the state for a consent."""
        return str(self._serializer.dumps(consent_id))

    def read(self, state: str) -> str:
        """Return the consent's id; raises `ConsentRefused`."""
        lifetime = (CONSENT_LIFETIME + EXCHANGE_LIFETIME).total_seconds()
        try:
            return str(self._serializer.loads(state, max_age=int(lifetime)))
        except BadSignature as exc:
            raise ConsentRefused("This link is no longer valid. Please start again.") from exc


def start_consent(
    config: Config,
    signer: StateSigner,
    *,
    user_id: str,
    platform: str,
    login_type: LoginType,
    redirect: str,
    now: datetime,
) -> ConsentRequest:
    """Store a new consent and return the page to send the user to."""
    page = CONSENT_PAGES[platform, login_type]
    verifier = new_verifier() if page.has_pkce else None
    consent = Consent(
        user_id=user_id,
        platform=platform,
        login_type=login_type,
        redirect=redirect,
        verifier=verifier,
        created_at=now,
        expires_at=now + CONSENT_LIFETIME,
    )
    with transaction() as session:
        session.execute(delete(Consent).where(Consent.expires_at < now - RETENTION))
        session.add(consent)
    state = signer.sign(consent.id)
    url = consent_url(config, platform, login_type, state=state, verifier=verifier)
    return ConsentRequest(url, consent.expires_at)


def accept_code(consent_id: str, platform: str, code: str, now: datetime) -> None:
    """Store the authorization code, once, and have a worker exchange it.

    Raises `ConsentRefused` for a consent that was already completed or has expired.
    """
    values = {"code": code, "state": ConsentState.GRANTED, "expires_at": now + EXCHANGE_LIFETIME}
    _record_response(consent_id, platform, values, now)
    wake_function(CONNECT)


def record_refusal(consent_id: str, platform: str, code: str, message: str, now: datetime) -> None:
    """Store a refusal by the user or the platform; raises `ConsentRefused` like `accept_code`."""
    values = {
        "state": ConsentState.FAILED,
        "error_code": code[:CODE_MAX_CHARS],
        "error_message": message[:MESSAGE_MAX_CHARS],
        "verifier": None,
    }
    _record_response(consent_id, platform, values, now)


def read_consent(consent_id: str, platform: str) -> Consent:
    """Return a consent as it is now; raises `ConsentRefused` if there is none."""
    query = select(Consent).where(Consent.id == consent_id, Consent.platform == platform)
    with transaction() as session:
        found = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise ConsentRefused("This link is no longer valid. Please start again.")
    return found


def _record_response(
    consent_id: str, platform: str, values: Mapping[str, object], now: datetime
) -> None:
    with transaction() as session:
        updated = session.execute(
            update(Consent)
            .where(
                Consent.id == consent_id,
                Consent.platform == platform,
                Consent.state == ConsentState.ASKED,
                Consent.expires_at > now,
            )
            .values(**values)
            .execution_options(synchronize_session=False)
        )
    if rows_changed(updated) != 1:
        raise ConsentRefused("This link was already used or has expired. Please start again.")
