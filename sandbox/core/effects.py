"""What a fault does to a call: one function per kind."""

import json
from collections.abc import Callable
from typing import Protocol

from flask import Response

from sandbox.core.context import current_call, note
from sandbox.core.errors import BodyCut, Refusal
from sandbox.core.faults import Fault
from sandbox.core.world import current_world


class Wording(Protocol):
    """The part of a platform that effects need: its error format."""

    render: Callable[[str, Refusal], Response]
    throttled_code: str
    streams: frozenset[str]


Work = Callable[[], Response]
Effect = Callable[[Wording, Fault, Work], Response]


def _error(api: Wording, fault: Fault, work: Work) -> Response:
    if fault.after_work:
        work()
    call = current_call()
    headers = {} if fault.retry_after is None else {"Retry-After": str(fault.retry_after)}
    if fault.code is not None:
        call.details["code"] = fault.code
        return api.render(call.name, Refusal(fault.code, status=fault.status, headers=headers))
    is_text = isinstance(fault.body, str)
    body = fault.body if is_text else json.dumps(fault.body or {})
    content_type = "text/plain" if is_text else "application/json"
    return Response(body, fault.status or 500, headers, content_type=content_type)


def _retry_after(api: Wording, fault: Fault, work: Work) -> Response:
    wait = fault.retry_after or int(fault.seconds or 1)
    refusal = Refusal(api.throttled_code, status=fault.status, headers={"Retry-After": str(wait)})
    return api.render(current_call().name, refusal)


def _lost_answer(api: Wording, fault: Fault, work: Work) -> Response:
    response = work()
    note(work_status=response.status_code)
    raise BodyCut("answer lost")


def _cut(api: Wording, fault: Fault, work: Work) -> Response:
    if fault.after_bytes is None or current_call().name not in api.streams:
        raise BodyCut("fault")
    return work()  # the body's reader cuts the connection where the fault says


def _slow(api: Wording, fault: Fault, work: Work) -> Response:
    current_call().wait(fault.seconds or 0)
    return work()


def _garbage(api: Wording, fault: Fault, work: Work) -> Response:
    if fault.after_work:
        work()
    page = "<!doctype html><title>Sorry</title><h1>Something went wrong</h1>"
    return Response(page, fault.status or 200, content_type="text/html")


def _empty(api: Wording, fault: Fault, work: Work) -> Response:
    if fault.after_work:
        work()
    return Response(status=fault.status or 200)


def _hang(api: Wording, fault: Fault, work: Work) -> Response:
    if fault.after_work:
        work()
    current_call().wait(fault.seconds or 3600)
    raise BodyCut("hung up")


def _hold(api: Wording, fault: Fault, work: Work) -> Response:
    response = work() if fault.after_work else None
    current_world().faults.wait_for_release(fault)
    current_call().check()
    return work() if response is None else response


def _moved(api: Wording, fault: Fault, work: Work) -> Response:
    return work()  # the YouTube session handles this fault itself


EFFECTS: dict[str, Effect] = {
    "error": _error,
    "retry_after": _retry_after,
    "lost_answer": _lost_answer,
    "cut": _cut,
    "slow": _slow,
    "garbage": _garbage,
    "empty": _empty,
    "hang": _hang,
    "hold": _hold,
    "moved": _moved,
}
