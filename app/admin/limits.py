"""`/admin/limits`: how much of each limit is used and left, and when more room becomes free."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import render_template, request
from marshmallow import fields
from marshmallow.validate import Length

from app.admin.blueprint import blueprint, read_values
from app.admin.filters import now
from app.models import Account
from app.platforms import PLATFORMS
from app.queries.accounts import find_accounts
from app.queries.limits import (
    LimitUse,
    account_uses,
    platform_uses,
    recent_accounts,
    uploads_now,
)
from app.schemas.base import BaseSchema

ACCOUNTS_SHOWN = 12


class AccountQuery(BaseSchema):
    """The account whose limits to show besides the shared ones."""

    q = fields.String(load_default="", validate=Length(max=255))


@dataclass(frozen=True)
class AccountUse:
    """An account and the use of its own limits."""

    account: Account
    uses: Sequence[LimitUse]


@blueprint.get("/limits")
def limits() -> str:
    """Show the shared limits, and those of some accounts."""
    text = read_values(AccountQuery, request.args)["q"]
    accounts = (
        find_accounts(text, limit=ACCOUNTS_SHOWN) if text else recent_accounts(ACCOUNTS_SHOWN)
    )
    uses = account_uses(accounts, now())
    if not text:  # accounts of platforms with shared limits only have nothing to show
        accounts = [account for account in accounts if uses[account.id]]
    return render_template(
        "admin/limits.html",
        text=text,
        shared={name: platform_uses(name, now()) for name in PLATFORMS},
        uploads=uploads_now(now()),
        accounts=[AccountUse(account, uses[account.id]) for account in accounts],
    )
