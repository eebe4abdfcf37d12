"""Control API: faults, validated when they are added so that a typing error shows at once."""

from collections.abc import Mapping
from typing import Any

from flask import Blueprint, Response, jsonify

from sandbox.core.calls import PlatformApi
from sandbox.core.faults import CALL_KINDS, PROCESSING_KINDS
from sandbox.core.fields import Check, first_fault, is_flag, is_text, is_whole, json_object
from sandbox.core.world import current_world
from sandbox.platforms import PLATFORMS

blueprint = Blueprint("faults", __name__, url_prefix="/faults")


def _is_count(value: Any) -> bool:
    return is_whole(value) and value >= 0


def _is_span(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and value >= 0


KNOWN: Mapping[str, Check] = {
    "platform": is_text,
    "kind": (CALL_KINDS + PROCESSING_KINDS).__contains__,
    "call": is_text,
    "account": is_text,
    "skip": _is_count,
    "times": lambda value: is_whole(value) and value > 0,
    "code": is_text,
    "status": lambda value: is_whole(value) and 200 <= value <= 599,
    "body": lambda value: isinstance(value, (str, dict, list)),
    "reason": is_text,
    "seconds": _is_span,
    "retry_after": _is_count,
    "after_bytes": _is_count,
    "bytes_per_second": lambda value: is_whole(value) and value > 0,
    "after_work": is_flag,
}


@blueprint.post("")
def add_fault() -> Response:
    """Add a fault."""
    body = json_object()
    wrong = first_fault(body, KNOWN)
    if wrong is not None:
        raise ValueError(wrong)
    platform = PLATFORMS.get(body.get("platform", ""))
    if platform is None or "kind" not in body:
        raise ValueError("platform and kind are required")
    _check_names(platform.api, body)
    response = jsonify(current_world().faults.add(body).to_json())
    response.status_code = 201
    return response


def _check_names(api: PlatformApi, body: dict[str, Any]) -> None:
    call, code = body.get("call"), body.get("code")
    if call is not None and call not in api.names:
        raise ValueError(f"no call {call}; see /_sandbox/calls")
    if code is not None:
        if code not in api.errors:
            raise ValueError(f"no error code {code}; see /_sandbox/errors")
        if call is not None and call not in api.errors[code].calls:
            raise ValueError(f"{call} never answers {code}; see /_sandbox/errors")
    if body["kind"] == "moved" and call not in ("youtube.upload", "youtube.status_query"):
        raise ValueError("moved is for youtube.upload and youtube.status_query")
    if body["kind"] == "fail_processing" and body.get("reason") not in api.fail_reasons:
        raise ValueError("fail_processing needs a reason out of /_sandbox/errors")


@blueprint.get("")
def list_faults() -> Response:
    """List the active faults, and the last ones that were used up."""
    faults = current_world().faults
    return jsonify(
        active=[fault.to_json() for fault in faults.active()],
        spent=[fault.to_json() for fault in faults.spent()],
    )


@blueprint.post("/<fault_id>/release")
def release_fault(fault_id: str) -> Response:
    """Let go the calls that a `hold` fault holds."""
    if not current_world().faults.release(fault_id):
        raise ValueError(f"no fault {fault_id} that holds calls")
    return jsonify(released=True)


@blueprint.delete("")
def clear_faults() -> Response:
    """Remove every fault."""
    current_world().faults.clear()
    return jsonify(cleared=True)


@blueprint.delete("/<fault_id>")
def remove_fault(fault_id: str) -> Response:
    """Remove one fault."""
    if not current_world().faults.remove(fault_id):
        raise ValueError(f"no active fault {fault_id}")
    return jsonify(removed=True)
