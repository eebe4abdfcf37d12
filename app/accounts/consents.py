"""A user's consent on a platform's page: asked for, answered, and exchanged by a worker.

OAuth's `state` is the consent's id, signed: it names the user who asked, is good for one answer,
and ends after a few minutes. The platform is asked for the tokens by a worker, as everything is
that platforms are asked for; the browser waits for it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from itsdangerous import BadSignature, URLSafeTimedSerializer
from sqlalchemy import CursorResult, delete, select, update

from app.accounts.consent_pages import CONSENT_PAGES, consent_url, new_verifier
from app.config import Config
from app.database.transaction import transaction
from app.models import Consent
from app.queues import wake_maintenance
from app.queues.names import CONNECT
from app.states import ConsentState, LoginType

#: How long a user may take on the platform's page.
CONSENT_LIFETIME = timedelta(minutes=15)
#: How long an answer can be exchanged: platforms' codes live a few minutes.
EXCHANGE_LIFETIME = timedelta(minutes=5)
#: How long one that is over is kept, for the browser that waits for it.
KEPT = timedelta(hours=1)
_SALT = "consent"


class ConsentRefused(Exception):
    """Raised for a state that is forged, too old, or was used before; a sentence for a person."""


@dataclass(frozen=True)
class Asked:
    """A consent to be given: the page's address, and until when."""

    url: str
    expires_at: datetime


class StateSigner:
    """Signs the states that browsers carry to platforms and back: by the first key, while those
    signed by any of them are good."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._serializer = URLSafeTimedSerializer(
            list(reversed(keys)), salt=_SALT, signer_kwargs={"digest_method": hashlib.sha256}
        )

    def sign(self, consent_id: str) -> str:
        """Return a state."""
        return str(self._serializer.dumps(consent_id))

    def read(self, state: str) -> str:
        """Return the consent's id; raises `ConsentRefused`."""
        lifetime = (CONSENT_LIFETIME + EXCHANGE_LIFETIME).total_seconds()
        try:
            return str(self._serializer.loads(state, max_age=int(lifetime)))
        except BadSignature as exc:
            raise ConsentRefused("This link is not valid any more. Please begin again.") from exc


def ask_consent(
    config: Config,
    signer: StateSigner,
    *,
    user_id: str,
    platform: str,
    login_type: LoginType,
    redirect: str,
    now: datetime,
) -> Asked:
    """Store that a user is sent to a platform, and return where to."""
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
        session.execute(delete(Consent).where(Consent.expires_at < now - KEPT))
        session.add(consent)
    state = signer.sign(consent.id)
    url = consent_url(config, platform, login_type, state=state, verifier=verifier)
    return Asked(url, consent.expires_at)


def take_code(consent_id: str, platform: str, code: str, now: datetime) -> None:
    """Store what the platform gave, once, and have a worker exchange it.

    Raises `ConsentRefused` for a consent that was answered before or is too old.
    """
    values = {"code": code, "state": ConsentState.GRANTED, "expires_at": now + EXCHANGE_LIFETIME}
    _answer(consent_id, platform, values, now)
    wake_maintenance(CONNECT)


def take_refusal(consent_id: str, platform: str, code: str, message: str, now: datetime) -> None:
    """Store that the user, or the platform, refused; raises `ConsentRefused` as `take_code`."""
    values = {
        "state": ConsentState.FAILED,
        "error_code": code[:100],
        "error_message": message[:1000],
        "verifier": None,
    }
    _answer(consent_id, platform, values, now)


def read_consent(consent_id: str, platform: str) -> Consent:
    """Return a consent as it is now; raises `ConsentRefused` where there is none."""
    query = select(Consent).where(Consent.id == consent_id, Consent.platform == platform)
    with transaction() as session:
        found = session.scalars(query.execution_options(populate_existing=True)).one_or_none()
    if found is None:
        raise ConsentRefused("This link is not valid any more. Please begin again.")
    return found


def _answer(consent_id: str, platform: str, values: Mapping[str, object], now: datetime) -> None:
    with transaction() as session:
        answered = session.execute(
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
    assert isinstance(answered, CursorResult)
    if answered.rowcount != 1:
        raise ConsentRefused("This link was used before, or is too old. Please begin again.")
