"""Reads with an account's token that belong to no run of a job."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from workers.accounts import tokens
from workers.errors import AccountRefused, TokenExpired
from workers.platforms.base import Access, Handler, Upload

FoundT = TypeVar("FoundT")


def read_as(handler: Handler[Upload], account_id: str, read: Callable[[Access], FoundT]) -> FoundT:
    """Return what `read` finds, which must only read; a token that is refused is refreshed once.

    Raises whatever `read` or a refresh raises: `AccountRefused` after notifying the account's
    owner if that is due, `TokenExpired` for a token that is refused although it is new.
    """
    access, is_new = tokens.access_for(handler, account_id), False
    try:
        while True:
            try:
                return read(access)
            except TokenExpired as error:
                if is_new:
                    raise tokens.refused_after_refresh(error) from error
            renewal = tokens.refresh(handler, account_id, stale_token=access.token)
            access, is_new = renewal.access, renewal.is_new
    except AccountRefused as error:
        tokens.record_refusal(account_id, access.token, error)
        raise
