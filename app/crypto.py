"""Encryption at rest of secrets in the database: tokens and upload links."""

from __future__ import annotations

import os
from collections.abc import Sequence

from cryptography.fernet import Fernet, InvalidToken, MultiFernet
from flask import current_app

from app.config import VAR_DIR, Config


class UndecryptableError(Exception):
    """Raised when no configured key decrypts a stored secret: a key was removed too early."""


class Cipher:
    """Fernet with rotation: the first key encrypts, every key decrypts."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])
        self._first = Fernet(keys[0])

    def encrypt(self, text: str) -> str:
        """Return the encrypted text."""
        return self._fernet.encrypt(text.encode()).decode()

    def decrypt(self, token: str) -> str:
        """Return the text; raises `UndecryptableError`."""
        try:
            return self._fernet.decrypt(token.encode()).decode()
        except InvalidToken as exc:
            raise UndecryptableError("no key in TOKEN_ENCRYPTION_KEYS decrypts this row") from exc

    def is_current(self, token: str) -> bool:
        """Tell whether the first key encrypted the token."""
        try:
            self._first.decrypt(token.encode())
        except InvalidToken:
            return False
        return True


def current_cipher() -> Cipher:
    """Return the running application's cipher."""
    cipher = current_app.extensions["cipher"]
    assert isinstance(cipher, Cipher)
    return cipher


def keys_of(config: Config) -> tuple[str, ...]:
    """Return the keys of all that is encrypted or signed; the first one encrypts and signs."""
    return config.token_encryption_keys or (_development_key(),)


def _development_key() -> str:
    """Return the key kept under `var/`, created on first use; production sets its own."""
    path = VAR_DIR / "token_encryption_key"
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        # Created atomically by link(2): several processes may start at once.
        fresh = path.with_name(f"{path.name}.{os.getpid()}")
        fresh.write_bytes(Fernet.generate_key())
        fresh.chmod(0o600)
        os.link(fresh, path)
    except FileExistsError:
        pass
    finally:
        fresh.unlink()
    return path.read_text()
