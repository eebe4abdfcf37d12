"""`/healthz` and `/readyz`: the health of this process and of the service as a whole."""

from __future__ import annotations

from typing import Any

from marshmallow import fields

from app.api.blueprint import Blueprint
from app.api.description import ProblemSchema
from app.api.errors import PROBLEM_TYPE, Unavailable, problem
from app.queries.health import check_parts
from app.schemas.base import ResponseSchema, one_of

blueprint = Blueprint("health", __name__, description="Health")


class HealthSchema(ResponseSchema):
    """The process answers."""

    status = one_of(("ok",))


class CheckSchema(ResponseSchema):
    """One part of the service."""

    name = fields.String()
    ok = fields.Boolean()
    detail = fields.String()


class ReadinessSchema(ResponseSchema):
    """All parts of the service."""

    status = one_of(("ok",))
    checks = fields.List(fields.Nested(CheckSchema))


class NotReadySchema(ProblemSchema):
    """An error that names what is missing, with all parts of the service."""

    checks = fields.List(fields.Nested(CheckSchema), required=True)


@blueprint.route("/healthz", methods=["GET"], operation="getHealth")
@blueprint.doc(security=[])
@blueprint.response(200, HealthSchema)
def healthz() -> dict[str, str]:
    """Check that this process is up, and nothing else"""
    return {"status": "ok"}


@blueprint.route("/readyz", methods=["GET"], operation="getReadiness")
@blueprint.doc(security=[])
@blueprint.response(200, ReadinessSchema)
@blueprint.alt_response(503, schema=NotReadySchema, content_type=PROBLEM_TYPE)
def readyz() -> Any:
    """Check whether posts can go out: database, Redis, workers of each platform, scheduler"""
    checks = check_parts()
    missing = [f"{check.name}: {check.detail}" for check in checks if not check.ok]
    if not missing:
        return {"status": "ok", "checks": checks}
    more = {"checks": CheckSchema(many=True).dump(checks)}
    return problem(503, "; ".join(missing), headers=Unavailable.headers, more=more)
