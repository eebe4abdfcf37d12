"""Authorization codes: valid once, for ten minutes, and for the client that requested them."""

import base64
import hashlib
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from sandbox.core import ids
from sandbox.core.accounts import Account
from sandbox.core.world import World

CODE_LIFE = timedelta(minutes=10)


@dataclass(frozen=True)
class Code:
    """One consent. `challenge` is the PKCE S256 challenge, empty if none was given."""

    account: Account
    redirect_uri: str
    challenge: str
    expires_at: datetime


@dataclass
class Consents:
    """Guarded by the world's lock."""

    codes: dict[str, Code] = field(default_factory=dict)


def issue_code(world: World, account: Account, redirect_uri: str, challenge: str) -> str:
    """Issue a code for an account whose owner consented."""
    value = ids.secret(40)
    code = Code(account, redirect_uri, challenge, world.clock.now() + CODE_LIFE)
    with world.lock:
        world.part(Consents).codes[value] = code
    return value


def spend_code(
    world: World, platform: str, value: str, redirect_uri: str, verifier: str = ""
) -> Account | None:
    """Redeem a code for its account; None if it is unknown, used, expired or another client's."""
    with world.lock:
        code = world.part(Consents).codes.pop(value, None)
    if code is None or code.account.platform != platform or code.account.revoked:
        return None
    if code.expires_at <= world.clock.now() or code.redirect_uri != redirect_uri:
        return None
    if (_challenge_of(verifier) if verifier else "") != code.challenge:
        return None
    return code.account


def _challenge_of(verifier: str) -> str:
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
