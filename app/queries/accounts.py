"""Reads connected accounts, never with their tokens."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import ColumnElement, Select, select, union
from sqlalchemy.orm import defer

from app.database.transaction import transaction
from app.models import Account
from app.models.account import TO_RECONNECT
from app.queries.pages import Page, read_page

# The tokens stay in the database, so no response can leak them.
WITHOUT_TOKENS = (
    defer(Account.access_token, raiseload=True),
    defer(Account.refresh_token, raiseload=True),
)


def list_accounts(
    user_id: str, *, platform: str | None, limit: int, cursor: str | None
) -> Page[Account]:
    """Return one page of a user's accounts."""
    query = _connected(user_id)
    if platform is not None:
        query = query.where(Account.platform == platform)
    with transaction() as session:
        return read_page(session, query, Account.id, limit=limit, cursor=cursor)


def all_accounts(user_id: str) -> Sequence[Account]:
    """Return all of a user's accounts, in the order they were connected."""
    with transaction() as session:
        return session.scalars(_connected(user_id).order_by(Account.id)).all()


def reconnect_sentence(reason: str) -> str:
    """Say why an account takes no posts; `reason` is its `state_reason`."""
    return f"The account must be connected again{f': {reason}' if reason else ''}"


def list_to_reconnect(*, limit: int, cursor: str | None) -> Page[Account]:
    """Return one page of all users' accounts that their owners must reconnect."""
    query = select(Account).where(TO_RECONNECT)
    with transaction() as session:
        return read_page(
            session, query.options(*WITHOUT_TOKENS), Account.id, limit=limit, cursor=cursor
        )


def has_username(text: str) -> ColumnElement[bool]:
    """Return the condition that an account has this username, with or without an `@`."""
    name = text.removeprefix("@")
    return Account.username.in_({name, name.lower()})


def find_accounts(text: str, *, limit: int) -> Sequence[Account]:
    """Return connected accounts by username, account id or user id, newest first."""
    # One limited query per index, rather than an OR that no single index serves.
    matches = [
        select(Account.id).where(condition, Account.deleted_at.is_(None)).limit(limit)
        for condition in (has_username(text), Account.user_id == text, Account.id == text.upper())
    ]
    found = union(*(select(match.subquery()) for match in matches)).subquery()
    query = select(Account).where(Account.id.in_(select(found.c.id))).options(*WITHOUT_TOKENS)
    with transaction() as session:
        return session.scalars(query.order_by(Account.id.desc()).limit(limit)).all()


def _connected(user_id: str) -> Select[Account]:
    return (
        select(Account)
        .where(Account.user_id == user_id, Account.deleted_at.is_(None))
        .options(*WITHOUT_TOKENS)
    )
