"""One trip of a user to a platform's consent page and back."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Index, String
from sqlalchemy.orm import Mapped, mapped_column

from app.clock import utcnow
from app.failures import CODE_MAX_CHARS, MESSAGE_MAX_CHARS
from app.ids import new_id
from app.models.base import Base, EncryptedText, UtcDateTime, values_of
from app.states import ConsentState, LoginType


class Consent(Base):
    """Requested through the API, completed on the platform, exchanged for tokens by a worker.

    Its id, signed, is the OAuth `state`: valid for one response and for a few minutes.
    """

    __tablename__ = "consents"
    __table_args__ = (
        Index("ix_consents_state_expires_at", "state", "expires_at"),
        Index("ix_consents_expires_at", "expires_at"),
    )

    id: Mapped[str] = mapped_column(String(26), primary_key=True, default=new_id)
    user_id: Mapped[str] = mapped_column(String(128))
    platform: Mapped[str] = mapped_column(String(16))
    login_type: Mapped[LoginType] = mapped_column(values_of(LoginType), default=LoginType.ONLY)
    #: where the browser is sent afterwards; empty: to a page of this service
    redirect: Mapped[str] = mapped_column(String(2000), default="")
    #: the PKCE code verifier (RFC 7636); None where the platform has no PKCE
    verifier: Mapped[str | None] = mapped_column(EncryptedText)
    #: the authorization code, until it is exchanged
    code: Mapped[str | None] = mapped_column(EncryptedText)
    state: Mapped[ConsentState] = mapped_column(values_of(ConsentState), default=ConsentState.ASKED)
    account_id: Mapped[str | None] = mapped_column(String(26))
    error_code: Mapped[str | None] = mapped_column(String(CODE_MAX_CHARS))
    error_message: Mapped[str | None] = mapped_column(String(MESSAGE_MAX_CHARS))
    created_at: Mapped[datetime] = mapped_column(UtcDateTime, default=utcnow)
    expires_at: Mapped[datetime] = mapped_column(UtcDateTime)
