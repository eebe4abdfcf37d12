"""The OpenAPI 3.1 document: what all operations share."""

from __future__ import annotations

from typing import Any

import flask_smorest
from flask_smorest.spec.plugins import FlaskPlugin
from flask_smorest.utils import prepare_response
from marshmallow import Schema, fields
from werkzeug.exceptions import HTTPException

from app.api import statuses
from app.api.errors import PROBLEM_TYPE, answer_http_error
from app.schemas.base import camel
from app.schemas.timeline import ENTRIES
from app.schemas.webhook import ANY_EVENT, EVENTS, PingEventSchema, described_webhooks

API_OPTIONS: dict[str, Any] = {
    "API_TITLE": "Video publishing queue",
    "API_VERSION": "1",
    "OPENAPI_VERSION": "3.1.0",
    "OPENAPI_URL_PREFIX": "/api",
    "OPENAPI_JSON_PATH": "openapi.json",
    "API_SPEC_OPTIONS": {
        "info": {
            "description": "Publishes short videos to TikTok, Instagram and YouTube. Every error "
            "is a problem document (RFC 9457) with one sentence for a person in `error`."
        },
        "security": [{"serviceKey": [], "user": []}, {"token": []}],
    },
}
SECURITY_SCHEMES: dict[str, dict[str, str]] = {
    "serviceKey": {"type": "http", "scheme": "bearer", "description": "A service key."},
    "user": {
        "type": "apiKey",
        "in": "header",
        "name": "X-User-Id",
        "description": "The user for whom the service key calls.",
    },
    "token": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "HS256, with `sub` (the user) and `exp`.",
    },
}
#: The security of operations that need a service key without a user.
SERVICE_KEY_ONLY: list[dict[str, list[str]]] = [{"serviceKey": []}]


class ProblemSchema(Schema):
    """An error, as defined by RFC 9457."""

    type = fields.String(required=True, metadata={"description": "Always `about:blank`."})
    title = fields.String(required=True, metadata={"description": "The status in words."})
    status = fields.Integer(required=True)
    detail = fields.String(required=True, metadata={"description": "All that is wrong."})
    error = fields.String(required=True, metadata={"description": "One sentence for a person."})
    errors = fields.Dict(
        keys=fields.String(),
        values=fields.List(fields.String()),
        metadata={"description": "For a bad body: field path → messages."},
    )


def never_null(converter: Any, field: Any, ret: dict[str, Any]) -> dict[str, Any]:
    """Describe a parameter whose default is None as one that may be left out.

    A header or a query cannot hold null.
    """
    described = ret["schema"]
    if isinstance(described.get("type"), list):
        [described["type"]] = [kind for kind in described["type"] if kind != "null"]
    if "enum" in described:
        described["enum"] = [value for value in described["enum"] if value is not None]
    if described.get("default", "") is None:
        del described["default"]
    return {}


class CamelPaths(FlaskPlugin):  # type: ignore[misc]
    """Names the parameters in paths as all others are named."""

    def path_helper(self, *args: Any, parameters: list[Any], **options: Any) -> str:
        """Return a rule's path and describe its parameters."""
        path: str = super().path_helper(*args, parameters=parameters, **options)
        for each in parameters:
            if isinstance(each, dict) and each["in"] == "path":
                name = each["name"]
                each["name"] = camel(name)
                path = path.replace(f"{{{name}}}", f"{{{each['name']}}}")
        return path


class DescribedApi(flask_smorest.Api):  # type: ignore[misc]
    """flask-smorest's API with our errors, and the security of the contract."""

    ERROR_SCHEMA = ProblemSchema

    def _init_spec(self, **options: Any) -> None:
        super()._init_spec(flask_plugin=CamelPaths(), **options)
        self.ma_plugin.converter.add_parameter_attribute_function(never_null)
        for name, scheme in SECURITY_SCHEMES.items():
            self.spec.components.security_scheme(name, scheme)
        for name, schema in (EVENTS | ENTRIES).items():
            self.spec.components.schema(name, schema=schema)
        self.spec.components.schema("Event", ANY_EVENT)
        self.spec.components.schema("PingEvent", schema=PingEventSchema)
        self.spec.options["webhooks"] = described_webhooks()

    def _register_responses(self) -> None:
        phrases = {statuses.name(each): statuses.phrase(each) for each in statuses.ERROR_STATUSES}
        for name, phrase in {**phrases, "DEFAULT_ERROR": "Any other error"}.items():
            response = {"description": phrase, "schema": self.ERROR_SCHEMA}
            prepare_response(response, self.spec, PROBLEM_TYPE)
            self.spec.components.response(name, response, lazy=True)

    def _register_pagination_header(self) -> None:
        """Describe no header for pages: lists have `nextCursor`."""

    def handle_http_exception(self, error: HTTPException) -> Any:
        """Answer an error of Flask with a problem."""
        return answer_http_error(error)
