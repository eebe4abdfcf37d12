"""Schemas of connected accounts: tokens go in and never come out."""

from __future__ import annotations

import re
from typing import Any

from marshmallow import ValidationError, fields
from marshmallow.validate import Length, OneOf, Regexp

from app.platforms import PLATFORMS
from app.schemas.base import NO_CONTROLS, BaseSchema, Moment, ResponseSchema, one_of
from app.schemas.pages import PageQuery, PageSchema
from app.states import AccountState, LoginType

TOKEN_MAX = 4096
NAME_MAX = 255
SCOPES_MAX = 100
SCOPE_MAX = 200
LOGIN_TYPES = tuple(login.value for login in LoginType if login is not LoginType.ONLY)
# Characters that an HTTP header may contain; any other was damaged in transit.
_TOKEN = [Length(1, TOKEN_MAX), Regexp(r"[\x21-\x7e]*\Z", error="Not a token.")]
_SCOPES: dict[str, Any] = {
    "oneOf": [
        {"type": "array", "items": {"type": "string"}},
        {"type": "string"},
        {"type": "null"},
    ],
    "description": "What the user granted: a list, or the platform's own string, separated by "
    "commas or spaces. If given, it is checked for the scopes that publishing needs.",
}


class Scopes(fields.Field[Any]):
    """A list of scopes, or the string in which platforms return them."""

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> list[str]:
        if isinstance(value, str):
            value = [scope for scope in re.split(r"[\s,]+", value) if scope]
        if not isinstance(value, list) or not all(isinstance(scope, str) for scope in value):
            raise ValidationError("Not a list of scopes.")
        if len(value) > SCOPES_MAX or any(not 1 <= len(scope) <= SCOPE_MAX for scope in value):
            raise ValidationError(f"At most {SCOPES_MAX} scopes of 1 to {SCOPE_MAX} characters.")
        return list(dict.fromkeys(value))


class ConnectSchema(BaseSchema):
    """The result of the user's consent. All faults are reported at once."""

    gathers_faults = True

    access_token = fields.String(required=True, load_only=True, validate=_TOKEN)
    refresh_token = fields.String(
        load_only=True,
        allow_none=True,
        load_default=None,
        validate=_TOKEN,
        metadata={"description": "If left out when reconnecting, the known one is kept."},
    )
    expires_at = Moment(
        allow_none=True,
        load_default=None,
        metadata={"description": "When the access token expires; left out where it does not."},
    )
    platform_user_id = fields.String(
        required=True,
        # It becomes part of URLs.
        validate=[Length(1, NAME_MAX), Regexp(r"(?![.])[A-Za-z0-9_.:-]*\Z", error="Not an id.")],
    )
    username = fields.String(
        allow_none=True, load_default=None, validate=[Length(max=NAME_MAX), NO_CONTROLS]
    )
    scopes = Scopes(allow_none=True, load_default=None, metadata=_SCOPES)
    login_type = fields.String(
        allow_none=True,
        load_default=None,
        validate=OneOf(LOGIN_TYPES),
        metadata={"description": "Instagram only, and required there: the login that was used."},
    )


class AccountsQuery(PageQuery):
    """The query of the list of accounts."""

    platform = fields.String(load_default=None, validate=OneOf(PLATFORMS))


class AccountSchema(ResponseSchema):
    """A connected account. There is no field for a token."""

    id = fields.String()
    platform = one_of(PLATFORMS)
    platform_user_id = fields.String()
    username = fields.String()
    login_type = fields.Function(
        lambda account: account.login_type or None,
        metadata={
            "type": ["string", "null"],
            "enum": [*LOGIN_TYPES, None],
            "description": "null except for Instagram.",
        },
    )
    scopes = fields.List(fields.String())
    expires_at = Moment(allow_none=True)
    state = one_of(AccountState, attribute="state.value")
    state_reason = fields.String()
    created_at = Moment()
    updated_at = Moment()


class AccountsSchema(PageSchema):
    """One page of a user's accounts."""

    accounts = fields.List(fields.Nested(AccountSchema), attribute="rows")
