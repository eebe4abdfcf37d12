"""Keeps accounts and their tokens in a file, so that a sandbox started again knows them."""

import json
from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sandbox.core.accounts import Account, AccountOptions, Token


class AccountFile:
    """A JSON file with every account, replaced as a whole with each change."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def load(self) -> list[Account]:
        """Return the accounts, oldest first; none without a file.

        Raises `ValueError` where another version of the sandbox wrote the file.
        """
        if not self._path.exists():
            return []
        try:
            return [_account(fields) for fields in json.loads(self._path.read_text())]
        except (KeyError, TypeError, ValueError) as exc:
            raise ValueError(f"{self._path} cannot be read; delete it") from exc

    def save(self, accounts: Iterable[Account]) -> None:
        """Replace the file, at once or not at all."""
        partial = self._path.with_suffix(".part")
        partial.write_text(json.dumps([_fields(account) for account in accounts]))
        partial.replace(self._path)


def _fields(account: Account) -> dict[str, Any]:
    return {
        "id": account.id,
        "platform": account.platform,
        "options": asdict(account.options),
        "scopes": sorted(account.scopes),
        "revoked": account.revoked,
        "access_tokens": [_token_fields(token) for token in account.access_tokens],
        "refresh_tokens": [_token_fields(token) for token in account.refresh_tokens],
    }


def _token_fields(token: Token) -> dict[str, Any]:
    return {
        "value": token.value,
        "issued_at": token.issued_at.isoformat(),
        "expires_at": token.expires_at.isoformat() if token.expires_at else None,
        "scopes": sorted(token.scopes),
    }


def _account(fields: dict[str, Any]) -> Account:
    account = Account(
        fields["id"],
        fields["platform"],
        AccountOptions(**fields["options"]),
        frozenset(fields["scopes"]),
        fields["revoked"],
    )
    account.access_tokens += [_token(account, token) for token in fields["access_tokens"]]
    account.refresh_tokens += [_token(account, token) for token in fields["refresh_tokens"]]
    return account


def _token(account: Account, fields: dict[str, Any]) -> Token:
    ends = fields["expires_at"]
    return Token(
        fields["value"],
        account,
        datetime.fromisoformat(fields["issued_at"]),
        datetime.fromisoformat(ends) if ends else None,
        frozenset(fields["scopes"]),
    )
