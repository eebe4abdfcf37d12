"""How every platform call is served: caller, fault, response, journal.

Each platform has one `PlatformApi`; its `call` decorator gives an endpoint its stable name.
"""

from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

from flask import Blueprint, Response, g, request
from werkzeug.exceptions import HTTPException

from sandbox.core.clock import iso
from sandbox.core.context import CUT, Call, note
from sandbox.core.effects import EFFECTS
from sandbox.core.errors import BodyCut, ErrorSpec, FailReason, Refusal
from sandbox.core.world import current_world

Handler = Callable[..., Response]


class PlatformApi:
    """One platform: its blueprint, its error tables, and its error format."""

    def __init__(
        self,
        platform: str,
        *,
        errors: Mapping[str, ErrorSpec],
        fail_reasons: Mapping[str, FailReason],
        render: Callable[[str, Refusal], Response],
        identify: Callable[[], str | None],
        throttled_code: str,
        bad_request_code: str,
        streams: frozenset[str],
    ) -> None:
        self.platform = platform
        self.blueprint = Blueprint(platform.lower(), __name__)
        self.errors = errors
        self.fail_reasons = fail_reasons
        self.render = render
        self.identify = identify
        self.throttled_code = throttled_code
        self.bad_request_code = bad_request_code
        self.streams = streams
        self.names: list[str] = []

    def call(
        self,
        name: str,
        rule: str,
        method: str,
        *,
        account: Callable[..., str | None] | None = None,
    ) -> Callable[[Handler], Handler]:
        """Route a handler. `account` identifies the caller where no token does."""
        if name not in self.names:
            self.names.append(name)
        find_account = account or (lambda **_: self.identify())

        def decorate(handler: Handler) -> Handler:
            @wraps(handler)
            def view(**kwargs: Any) -> Response:
                return self.serve(name, find_account(**kwargs), lambda: handler(**kwargs))

            endpoint = f"{name}-{rule}".replace(".", "-")
            self.blueprint.add_url_rule(
                rule, endpoint, view, methods=[method], provide_automatic_options=False
            )
            return handler

        return decorate

    def serve(self, name: str, account: str | None, work: Callable[[], Response]) -> Response:
        """Serve one call, or what its fault dictates, and journal it."""
        world = current_world()
        call = Call(name, self.platform, account, iso(world.clock.now()), world.over)
        g.call = call
        call.fault = world.faults.take(self.platform, name, account)
        try:
            response = self._answer(call, work)
        except BodyCut as cut:
            request.environ[CUT] = True
            note(cut=str(cut))
            response = Response(status=500)  # never sent
        self._journal(call, response)
        return response

    def _answer(self, call: Call, work: Callable[[], Response]) -> Response:
        def refusable() -> Response:
            try:
                return work()
            except Refusal as refusal:
                call.details.setdefault("code", refusal.code)
                return self.render(call.name, refusal)
            except HTTPException as error:
                return self.render_http_error(call.name, error)

        if call.fault is None:
            return refusable()
        return EFFECTS[call.fault.kind](self, call.fault, refusable)

    def _journal(self, call: Call, response: Response) -> None:
        answered = CUT not in request.environ
        current_world().journal_call(
            call.over,
            {
                "event": "call",
                "time": call.started_at,
                "ended_at": iso(current_world().clock.now()),
                "platform": call.platform,
                "call": call.name,
                "account": call.account,
                "status": response.status_code if answered else None,
                "bytes": call.bytes_received,
                "fault": call.fault.kind if call.fault else None,
                "details": call.details,
            },
        )

    def render_http_error(self, call_name: str, error: HTTPException) -> Response:
        """Render Flask's own errors (404, 405, 413, a bug's 500) in this platform's format."""
        refusal = Refusal(self.bad_request_code, error.description, status=error.code)
        return self.render(call_name, refusal)
