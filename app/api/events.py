"""`/api/publish/{jobId}/events`: a live stream of a job's status."""

from __future__ import annotations

import socket
from typing import Any

from flask import Flask, Response, current_app, request

from app.api.auth import current_user, expiry_of_token, token_in_query
from app.api.blueprint import Blueprint
from app.api.errors import TooMany, Unavailable
from app.api.job_events import event_of, open_hub, retry_line
from app.api.job_views import require_job
from app.clock import utcnow
from app.live.connections import EventStream
from app.live.hub import Hub
from app.schemas.events import EventsHeaders, EventsQuery

blueprint = Blueprint(
    "events", __name__, url_prefix="/api/publish", description="A job's status as it changes"
)
EXAMPLE = (
    "retry: 1740\n\n"
    "event: status\nid: 6b0f7c2a91d4e8f3\n"
    'data: {"jobId":"01M857G6RK4GB7XFVPFZ7G88S9","state":"active","progress":57,'
    '"step":"upload"}\n\n'
)
#: The fields of an event; the status has the same schema as the response of `GET …/status`.
STREAM: dict[str, Any] = {
    "type": "object",
    "description": "Server-Sent Events: the fields of each.",
    "properties": {
        "event": {"const": "status"},
        "id": {"type": "string", "description": "For `Last-Event-ID`."},
        "retry": {"type": "integer", "description": "Milliseconds to wait before reconnecting."},
        "data": {
            "type": "string",
            "contentMediaType": "application/json",
            "contentSchema": {"$ref": "#/components/schemas/Status"},
        },
    },
}


def register_events(app: Flask) -> None:
    """Create the application's hub of listeners."""
    app.extensions["live"] = open_hub(app)


@blueprint.route("/<string:job_id>/events", methods=["GET"], operation="listenToJob")
@blueprint.arguments(EventsQuery, location="query")
@blueprint.arguments(EventsHeaders, location="headers")
@blueprint.alt_response(
    204, description="`Last-Event-ID` is the last event of the job: do not reconnect."
)
@blueprint.alt_response(429, response="TOO_MANY_REQUESTS")
@blueprint.response(200, STREAM, content_type="text/event-stream", example=EXAMPLE)
@token_in_query
def listen(query: dict[str, Any], headers: dict[str, Any], job_id: str) -> Response:
    """Stream a job's status until it ends

    The current status is sent at once and again after every change, always in full, as an event
    `status` whose data is the response of `GET …/status`. Changes within half a second are sent as
    one. The stream closes after a final state, and when its JWT expires. With `Last-Event-ID`, an
    event that the client has is not sent again; after the last event the response is 204, which
    makes an `EventSource` stop.
    Lines that begin with a colon keep the connection alive. A user may have 100 streams at a time
    in each web process.
    """
    event = event_of(require_job(job_id), utcnow())
    is_known = headers["last_event_id"] == event.id
    if is_known and event.is_last:
        return Response(status=204)
    if request.method == "HEAD":
        return Response(content_type="text/event-stream; charset=utf-8")
    first = retry_line() + (b"" if is_known else event.content)
    if event.is_last:
        return Response(first, content_type="text/event-stream; charset=utf-8")
    hub: Hub = current_app.extensions["live"]
    if not hub.has_room():
        raise Unavailable("Too many event streams are open; try again")
    user_id, until = current_user(), expiry_of_token()
    if not hub.has_room_for(user_id):
        raise TooMany("This user has too many event streams open; close some of them")

    def join(connection: socket.socket, head: bytes) -> None:
        hub.add(connection, job_id, head + first, event.id, user_id=user_id, until=until)

    return EventStream(join)
