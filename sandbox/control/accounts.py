"""Control API: accounts, connected without a consent page."""

from dataclasses import fields
from typing import Any

from flask import Blueprint, Response, jsonify

from sandbox.core.accounts import Account, AccountOptions
from sandbox.core.fields import is_text_list, json_object
from sandbox.core.kinds import connect
from sandbox.core.world import current_world
from sandbox.platforms import PLATFORMS

blueprint = Blueprint("accounts", __name__, url_prefix="/accounts")
OPTION_NAMES = {field.name for field in fields(AccountOptions)}


@blueprint.post("")
def create_account() -> Response:
    """Create an account; answer with a body for `PUT /api/accounts/{platform}` of the service."""
    body = json_object()
    platform = PLATFORMS.get(str(body.pop("platform", "")))
    if platform is None:
        raise ValueError(f"platform must be one of {', '.join(PLATFORMS)}")
    scopes = body.pop("scopes", None)
    if scopes is not None and not is_text_list(scopes):
        raise ValueError("scopes must be a list of strings")
    options = _options(body)
    response = jsonify(connect(current_world(), platform.accounts, options, scopes))
    response.status_code = 201
    return response


def _options(body: dict[str, Any]) -> AccountOptions:
    defaults = AccountOptions()
    for name, value in body.items():
        if name not in OPTION_NAMES:
            raise ValueError(f"unknown option: {name}")
        default = getattr(defaults, name)
        like = True if default is None else default
        is_number = isinstance(like, (int, float)) and not isinstance(like, bool)
        wanted = (int, float) if is_number else type(like)
        if not isinstance(value, wanted) or (is_number and isinstance(value, bool)):
            raise ValueError(f"{name} must be like {like!r}")
    if body.get("login_type", "facebook") not in ("facebook", "instagram"):
        raise ValueError("login_type must be facebook or instagram")
    return AccountOptions(**body)


@blueprint.get("")
def list_accounts() -> Response:
    """List the accounts, without tokens."""
    return jsonify(
        accounts=[
            {
                "id": account.id,
                "platform": account.platform,
                "username": account.username,
                "scopes": sorted(account.scopes),
                "revoked": account.revoked,
            }
            for account in current_world().accounts.all()
        ]
    )


def _account(account_id: str) -> Account:
    account = current_world().accounts.get(account_id)
    if account is None:
        raise ValueError(f"no account {account_id}")
    return account


@blueprint.post("/<account_id>/expire-token")
def expire_token(account_id: str) -> Response:
    """Expire the account's access tokens now; refreshing still works."""
    world = current_world()
    world.accounts.expire_access(_account(account_id), world.clock.now())
    return jsonify(expired=True)


@blueprint.post("/<account_id>/revoke")
def revoke(account_id: str) -> Response:
    """Disconnect the app as the user would: all tokens of the account stop working."""
    current_world().accounts.revoke(_account(account_id))
    return jsonify(revoked=True)
