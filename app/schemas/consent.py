"""Connecting accounts by consent: what is asked, and what browsers bring back."""

from __future__ import annotations

from marshmallow import EXCLUDE, Schema, fields
from marshmallow.validate import Length, OneOf

from app.accounts.return_urls import REDIRECT_MAX
from app.schemas.account import LOGIN_TYPES
from app.schemas.base import AnswerSchema, BaseSchema, Moment


class AuthorizeQuery(BaseSchema):
    """Where the browser goes afterwards."""

    redirect = fields.String(
        load_default="",
        validate=Length(max=REDIRECT_MAX),
        metadata={
            "description": "One of the addresses in `CONNECT_RETURN_URLS`, or below one. Left "
            "out, the user is shown a page of this service."
        },
    )
    login_type = fields.String(
        load_default=None,
        validate=OneOf(LOGIN_TYPES),
        metadata={"description": "Instagram only: which login; else the first that is set up."},
    )


class AuthorizeSchema(AnswerSchema):
    """A consent to be given."""

    url = fields.String(metadata={"description": "The platform's page."})
    expires_at = Moment()


class CallbackQuery(Schema):
    """What a platform adds to the address; what else it adds means nothing here.

    Nothing is refused field by field: whoever comes is a person with a browser.
    """

    class Meta:
        unknown = EXCLUDE

    state = fields.String(load_default="")
    code = fields.String(load_default="")
    error = fields.String(load_default="")
    error_description = fields.String(load_default="")
