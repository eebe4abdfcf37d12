"""Schemas of OAuth consent: the request for a URL, and the redirect back."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields
from marshmallow.validate import Length, OneOf

from app.accounts.return_urls import REDIRECT_MAX
from app.schemas.account import LOGIN_TYPES
from app.schemas.base import BaseSchema, Moment, ResponseSchema


class AuthorizeQuery(BaseSchema):
    """The login to use, and where the browser goes afterwards."""

    redirect = fields.String(
        load_default="",
        validate=Length(max=REDIRECT_MAX),
        metadata={
            "description": "One of `CONNECT_RETURN_URLS`, or a URL below one. If left out, the "
            "user is shown a page of this service."
        },
    )
    login_type = fields.String(
        load_default=None,
        validate=OneOf(LOGIN_TYPES),
        metadata={"description": "Instagram only; by default the first login that is set up."},
    )


class AuthorizeSchema(ResponseSchema):
    """The consent page to open."""

    url = fields.String(metadata={"description": "The platform's page."})
    expires_at = Moment()


class CallbackQuery(Schema):
    """The parameters that a platform adds to the callback URL; all others are ignored.

    Fields are not validated here: the response must be a page for a person.
    """

    class Meta:
        unknown = EXCLUDE

    state = fields.String(load_default="")
    code = fields.String(load_default="")
    error = fields.String(load_default="")
    error_description = fields.String(load_default="")
