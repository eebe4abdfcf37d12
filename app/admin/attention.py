"""`/admin/attention`: what needs a person, and the buttons to redeliver webhooks."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from marshmallow import fields
from werkzeug.exceptions import NotFound

from app.admin.blueprint import blueprint, done, read_values
from app.admin.filters import now
from app.ids import is_id
from app.publishing.redeliver import redeliver, redeliver_dead
from app.queries.accounts import list_to_reconnect
from app.queries.notifications import list_notifications
from app.queries.search import list_ambiguous
from app.schemas.base import BaseSchema
from app.schemas.pages import Cursor
from app.states import NotificationState

PER_PAGE = 20


class AttentionQuery(BaseSchema):
    """The cursor of each list on the page."""

    ambiguous = Cursor(load_default=None)
    accounts = Cursor(load_default=None)
    dead = Cursor(load_default=None)


class RedeliverForm(BaseSchema):
    """The form of a redeliver button; `job` is set on the page of a job."""

    csrf_token = fields.String(data_key="csrf_token")
    job = fields.String(load_default=None)


@blueprint.get("/attention")
def attention() -> str:
    """Show jobs with an unknown outcome, accounts to reconnect and dead webhooks."""
    cursors = read_values(AttentionQuery, request.args)
    return render_template(
        "admin/attention.html",
        ambiguous=list_ambiguous(limit=PER_PAGE, cursor=cursors["ambiguous"]),
        accounts=list_to_reconnect(limit=PER_PAGE, cursor=cursors["accounts"]),
        dead=list_notifications(
            state=NotificationState.DEAD, limit=PER_PAGE, cursor=cursors["dead"]
        ),
    )


@blueprint.post("/notifications/<notification_id>/redeliver")
def redeliver_one(notification_id: str) -> Any:
    """Redeliver one notification."""
    job_id = read_values(RedeliverForm, request.form)["job"]
    found = redeliver(notification_id, now()) if is_id(notification_id) else None
    if found is None:
        raise NotFound("There is no such notification")
    message = f"{found.type} is being redelivered"
    if job_id is not None and job_id == found.subject_id:
        return done(message, "admin.job", job_id=job_id)
    return done(message, "admin.attention", _anchor="dead")


@blueprint.post("/notifications/redeliver")
def redeliver_all() -> Any:
    """Redeliver every dead notification."""
    count = redeliver_dead(now())
    return done(f"Webhooks being redelivered: {count}", "admin.attention", _anchor="dead")
