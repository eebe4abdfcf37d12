"""The blueprint and the strict request parser that every resource uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from copy import deepcopy
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any, NoReturn, TypeVar

import flask_smorest
from flask import Request
from marshmallow import EXCLUDE, Schema, ValidationError
from webargs.flaskparser import FlaskParser

from app.api import statuses
from app.api.bodies import read_body
from app.api.errors import InvalidRequest, UnsupportedBody
from app.api.json_bodies import read_json
from app.faults import Faults, flatten

View = TypeVar("View", bound=Callable[..., Any])


@dataclass(frozen=True)
class Gathered:
    """A body that may be invalid: the values that could be read, and its faults."""

    values: dict[str, Any]
    faults: Faults


class StrictParser(FlaskParser):
    """Parses requests. Raises `InvalidRequest`, `MalformedBody` or `UnsupportedBody`.

    A body whose schema sets `gathers_faults` reaches its view as `Gathered`, faults included, so
    that the view can add those that only the database shows and report all of them at once.
    """

    DEFAULT_VALIDATION_STATUS = 400
    DEFAULT_UNKNOWN_BY_LOCATION = {"headers": EXCLUDE}

    def load_json(self, req: Request, schema: Schema) -> Any:
        """Return the body as strictly parsed JSON."""
        if not req.is_json:
            raise UnsupportedBody("Send the body as application/json")
        return read_json(read_body(req))

    def parse(self, argmap: Any, *args: Any, **options: Any) -> Any:
        """Load one part of the request with a schema."""
        if not getattr(argmap, "gathers_faults", False):
            return super().parse(argmap, *args, **options)
        try:
            return Gathered(super().parse(argmap, *args, **options), {})
        except InvalidRequest as error:
            return Gathered(error.valid, error.faults)

    def handle_error(
        self,
        error: ValidationError,
        req: Request,
        schema: Schema,
        *,
        error_status_code: int | None,
        error_headers: Any,
    ) -> NoReturn:
        """Raise `InvalidRequest` with every fault that the schema found."""
        assert isinstance(error.messages, dict)
        faults: Faults = {}
        for messages in error.messages.values():
            faults.update(flatten(messages))
        raise InvalidRequest(faults, error.valid_data) from error


class Blueprint(flask_smorest.Blueprint):  # type: ignore[misc]
    """A resource's routes, each described in the OpenAPI document where it is declared."""

    ARGUMENTS_PARSER = StrictParser()

    def route(self, rule: str, *, operation: str, **options: Any) -> Callable[[View], View]:
        """Route a view; `operation` names it in clients generated from the OpenAPI document.

        Refusals that are common to views of its kind are added here, not at each view.
        """
        decorator: Callable[[View], View] = super().route(rule, **options)

        def named(view: View) -> View:
            described: dict[str, Any] = deepcopy(getattr(view, "_apidoc", {}))
            described.setdefault("manual_doc", {})["operationId"] = operation
            answers = described.setdefault("response", {}).setdefault("responses", {})
            for status in _refusals(rule, view, described):
                answers.setdefault(int(status), [statuses.name(status)])
            view._apidoc = described  # type: ignore[attr-defined]
            return decorator(view)

        return named

    def arguments(self, schema: type[Schema], **options: Any) -> Callable[[View], View]:
        """Load a body, query or headers with a schema and pass the result to the view."""
        # One instance for all requests: given a class, the parser would create one per request.
        decorator: Callable[[View], View] = super().arguments(schema(), **options)
        return decorator

    def response(
        self, status_code: int, schema: Any = None, **options: Any
    ) -> Callable[[View], View]:
        """Dump the view's result with a schema."""
        decorator: Callable[[View], View] = super().response(status_code, schema, **options)
        return decorator

    def alt_response(self, status_code: int, **options: Any) -> Callable[[View], View]:
        """Document another response of a view."""
        decorator: Callable[[View], View] = super().alt_response(status_code, **options)
        return decorator

    def errorhandler(self, kind: type[Exception] | int) -> Callable[[View], View]:
        """Register a handler for an error of this resource's views."""
        decorator: Callable[[View], View] = super().errorhandler(kind)
        return decorator

    def doc(self, **fields: Any) -> Callable[[View], View]:
        """Add to the OpenAPI description of a view."""
        decorator: Callable[[View], View] = super().doc(**fields)
        return decorator


def _refusals(rule: str, view: View, described: Mapping[str, Any]) -> Iterator[HTTPStatus]:
    """Yield the refusals that a view shares with others of its kind."""
    if described["manual_doc"].get("security") == []:
        return  # a signed link or a public view, which declares its own refusals
    yield HTTPStatus.UNAUTHORIZED
    if getattr(view, "is_for_services", False) or getattr(view, "refuses_tokens", ""):
        yield HTTPStatus.FORBIDDEN
    if "<" in rule:
        yield HTTPStatus.NOT_FOUND
    parameters = described.get("arguments", {}).get("parameters", [])
    if any(each["in"] == "json" for each in parameters):
        yield HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        yield HTTPStatus.UNSUPPORTED_MEDIA_TYPE
    yield HTTPStatus.SERVICE_UNAVAILABLE
