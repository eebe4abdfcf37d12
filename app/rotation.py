"""Key rotation: re-encrypts with the first of `TOKEN_ENCRYPTION_KEYS` what an older one encrypted.

Afterwards the older keys can be removed from the setting, and `check_secrets` tells if one was
removed too early. Idempotent, and safe beside running workers: whatever they write meanwhile is
encrypted with the first key anyway.
"""

from __future__ import annotations

from collections.abc import Iterator

import click
from flask import Flask
from sqlalchemy import Column, Table, Text, select, type_coerce, update

from app.crypto import current_cipher
from app.database.results import rows_changed
from app.database.transaction import transaction
from app.models.base import Base, EncryptedJson, EncryptedText

BATCH = 200


def register_rotation(app: Flask) -> None:
    """Add the command `python -m app rotate-keys`."""

    @app.cli.command("rotate-keys")
    def command() -> None:
        """Encrypt all secrets with the first key of TOKEN_ENCRYPTION_KEYS."""
        click.echo(f"{rotate()} secrets re-encrypted")


def rotate() -> int:
    """Re-encrypt every secret that was not encrypted with the first key; return how many.

    Raises `UndecryptableError` for a secret that no key decrypts; completed batches stay.
    """
    return sum(_rotate_column(table, column) for table, column in _encrypted_columns())


def check_secrets() -> None:
    """Decrypt the oldest and the newest secrets of each kind.

    The oldest ones would lack a key that was removed too early. Raises `UndecryptableError`.
    """
    cipher = current_cipher()
    for table, column in _encrypted_columns():
        [key] = table.primary_key
        chosen = select(type_coerce(column, Text)).where(column.is_not(None)).limit(BATCH)
        for order in (key.asc(), key.desc()):
            with transaction() as session:
                secrets = session.scalars(chosen.order_by(order)).all()
            for secret in secrets:
                cipher.decrypt(secret)


def _encrypted_columns() -> list[tuple[Table, Column[str]]]:
    return [
        (table, column)
        for table in Base.metadata.sorted_tables
        for column in table.columns
        if isinstance(column.type, (EncryptedText, EncryptedJson))
    ]


def _rotate_column(table: Table, column: Column[str]) -> int:
    [key] = table.primary_key
    cipher, count = current_cipher(), 0
    stored = type_coerce(column, Text)
    for batch in _batches(table, column):
        stale = [(row_id, old) for row_id, old in batch if not cipher.is_current(old)]
        with transaction() as session:
            for row_id, old in stale:
                fresh = type_coerce(cipher.encrypt(cipher.decrypt(old)), Text)
                # A concurrent write has used the first key.
                changed = update(table).where(key == row_id, stored == old).values({column: fresh})
                written = session.execute(changed)
                count += rows_changed(written)
    return count


def _batches(table: Table, column: Column[str]) -> Iterator[list[tuple[str, str]]]:
    """Yield batches of (primary key, stored secret), ordered by primary key."""
    [key] = table.primary_key
    last = ""
    while True:
        chosen = select(key, type_coerce(column, Text)).where(key > last, column.is_not(None))
        with transaction() as session:
            batch = [(row[0], row[1]) for row in session.execute(chosen.order_by(key).limit(BATCH))]
        if not batch:
            return
        yield batch
        last = batch[-1][0]
