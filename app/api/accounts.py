"""`/api/accounts`: connected accounts, whose tokens go in and never come out."""

from __future__ import annotations

from typing import Any

from app.accounts import Connection, connect_account, disconnect_account
from app.accounts.requirements import connection_faults
from app.api.auth import KEY_AND_USER, current_user, without_tokens
from app.api.blueprint import Blueprint, Gathered
from app.api.errors import InvalidRequest, NotFound
from app.api.platforms import require_platform
from app.clock import utcnow
from app.faults import merge
from app.models import Account
from app.queries.accounts import list_accounts
from app.queries.pages import Page
from app.schemas.account import AccountSchema, AccountsQuery, AccountsSchema, ConnectSchema
from app.schemas.examples import account_examples
from app.states import LoginType

blueprint = Blueprint(
    "accounts", __name__, url_prefix="/api/accounts", description="Connected platform accounts"
)
ONLY_SERVICES = (
    "Only a service key may pass a platform's tokens; a browser connects an account through "
    "GET /api/accounts/{platform}/authorize"
)


@blueprint.route("/<platform>", methods=["PUT"], operation="connectAccount")
@blueprint.doc(security=KEY_AND_USER)
@blueprint.arguments(ConnectSchema, examples=account_examples())
@blueprint.response(200, AccountSchema)
@blueprint.alt_response(201, schema=AccountSchema, description="The account is new to the user.")
@without_tokens(ONLY_SERVICES)
def connect(body: Gathered, platform: str) -> tuple[Account, int]:
    """Connect an account, or reconnect it

    An account is identified by its `platformUserId`. Reconnecting it replaces its tokens and makes
    it `active`; its id stays the same. Browsers have no platform tokens: only a service key may
    call this.
    """
    require_platform(platform)
    account, is_new = connect_account(_connection(platform, body), utcnow())
    return account, 201 if is_new else 200


@blueprint.route("", methods=["GET"], operation="listAccounts")
@blueprint.arguments(AccountsQuery, location="query")
@blueprint.response(200, AccountsSchema)
def index(query: dict[str, Any]) -> Page[Account]:
    """List the user's accounts, newest first"""
    return list_accounts(current_user(), **query)


@blueprint.route("/<account_id>", methods=["DELETE"], operation="disconnectAccount")
@blueprint.response(204)
def disconnect(account_id: str) -> None:
    """Disconnect an account

    Its tokens are deleted. Jobs that have yet to run on it fail with an `account` error, unless it
    is reconnected first.
    """
    if not disconnect_account(current_user(), account_id, utcnow()):
        raise NotFound("Account not found")


def _connection(platform: str, body: Gathered) -> Connection:
    """Return the validated body; raises `InvalidRequest` with all of its faults."""
    merge(body.faults, connection_faults(platform, body.values, utcnow()))
    if body.faults:
        raise InvalidRequest(body.faults)
    values = dict(body.values)
    values["login_type"] = LoginType(values["login_type"] or LoginType.ONLY)
    values["scopes"] = tuple(values["scopes"] or ())
    return Connection(user_id=current_user(), platform=platform, **values)
