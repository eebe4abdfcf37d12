"""`/admin/attention`: what waits for a person, and the buttons that a person presses there."""

from __future__ import annotations

from typing import Any

from flask import render_template, request
from marshmallow import fields
from werkzeug.exceptions import NotFound

from app.admin.blueprint import blueprint, done, read_values
from app.admin.words import now
from app.ids import is_id
from app.publishing.redeliver import redeliver, redeliver_dead
from app.queries.accounts import list_to_reconnect
from app.queries.notifications import list_notifications
from app.queries.search import list_maybe_live
from app.schemas.base import BaseSchema, Cursor
from app.states import NotificationState

PER_PAGE = 20


class AttentionQuery(BaseSchema):
    """Where each of the page's lists begins."""

    ambiguous = Cursor(load_default=None)
    accounts = Cursor(load_default=None)
    dead = Cursor(load_default=None)


class ReturnForm(BaseSchema):
    """A button, the token of its form, and the job whose page it stands on, if it does."""

    csrf_token = fields.String(data_key="csrf_token")
    job = fields.String(load_default=None)


@blueprint.get("/attention")
def attention() -> str:
    """Show the jobs with an unknown outcome, the accounts to connect, the webhooks given up."""
    cursors = read_values(AttentionQuery, request.args)
    return render_template(
        "admin/attention.html",
        ambiguous=list_maybe_live(limit=PER_PAGE, cursor=cursors["ambiguous"]),
        accounts=list_to_reconnect(limit=PER_PAGE, cursor=cursors["accounts"]),
        dead=list_notifications(
            state=NotificationState.DEAD, limit=PER_PAGE, cursor=cursors["dead"]
        ),
    )


@blueprint.post("/notifications/<notification_id>/redeliver")
def redeliver_one(notification_id: str) -> Any:
    """Send one notification again."""
    job_id = read_values(ReturnForm, request.form)["job"]
    found = redeliver(notification_id, now()) if is_id(notification_id) else None
    if found is None:
        raise NotFound("There is no such notification")
    words = f"{found.type} is sent again"
    if job_id is not None and job_id == found.subject_id:
        return done(words, "admin.job", job_id=job_id)
    return done(words, "admin.attention", _anchor="dead")


@blueprint.post("/notifications/redeliver")
def redeliver_all() -> Any:
    """Send every notification again that was given up."""
    count = redeliver_dead(now())
    return done(f"{count} webhooks are sent again", "admin.attention", _anchor="dead")
