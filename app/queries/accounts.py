"""What the API reads of connected accounts."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Select, select
from sqlalchemy.orm import defer

from app.models import Account
from app.publishing.transaction import transaction
from app.queries.pages import Page, read_page


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


def _connected(user_id: str) -> Select[Account]:
    # The tokens stay in the database: nothing that reads accounts for an answer can show them.
    return (
        select(Account)
        .where(Account.user_id == user_id, Account.deleted_at.is_(None))
        .options(
            defer(Account.access_token, raiseload=True),
            defer(Account.refresh_token, raiseload=True),
        )
    )
