"""Translation of Instagram's error responses into `PublishError`s.

https://developers.facebook.com/docs/graph-api/guides/error-handling
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from workers.errors import (
    AccountRefused,
    OutcomeUnknown,
    PublishError,
    RateLimited,
    RequestRefused,
    TokenExpired,
    Transient,
    UploadGone,
    VideoRefused,
)
from workers.platforms.fields import Fields, child, number, text, whole
from workers.platforms.instagram.codes import (
    CODES,
    HTTP_STATUSES,
    MISSING_OBJECT,
    PAIRS,
    RECONNECT_HINT,
    SUBCODES,
    THROTTLED_WAIT_SECONDS,
    TOKEN_CODES,
    UPLOAD_TOKEN_TYPES,
)
from workers.platforms.instagram.fields import sentence
from workers.platforms.instagram.logins import FACEBOOK_LOGIN
from workers.platforms.instagram.usage import calls_possible_at
from workers.platforms.verdicts import Verdict
from workers.transport import Response, unexpected

logger = logging.getLogger(__name__)


class PublishFailed(OutcomeUnknown):
    """Raised when a publish was answered with an error that may pass.

    It may have published all the same, but nothing of it is on its way any more.
    """


#: The errors of a publish that a checkpoint can hold, and what each is raised as once confirmed.
_KEPT: dict[type[PublishError], type[PublishError]] = {
    AccountRefused: AccountRefused,
    VideoRefused: VideoRefused,
    RequestRefused: RequestRefused,
    PublishFailed: Transient,
}
_CONFIRMED = {kind.category.value: kind for kind in _KEPT.values()}


@dataclass(frozen=True)
class GraphError:
    """The `error` object of a Graph API response."""

    code: int | str | None
    subcode: int | None
    detail: str
    is_transient: bool

    @property
    def name(self) -> str:
        """Return the code as we store it: `code/subcode`, `code`, or nothing."""
        parts = [str(part) for part in (self.code, self.subcode) if part is not None]
        return "/".join(parts)[:100]


def api_error(
    response: Response, now: datetime, *, login_type: str, acts: bool = False
) -> PublishError | None:
    """Return the error that a Graph API response stands for; None for a success.

    A success has a 2xx status and a JSON object without `error`. `acts` marks the response to a
    request that may have published: an error that may pass is `PublishFailed` then, and what is
    no error of the Graph API `OutcomeUnknown`.
    """
    error = _graph_error(response.json_object())
    if error is None:
        return _error_without_body(response, now, acts=acts)
    found = _error(_verdict(error, response.status), error, response, now)
    may_pass = isinstance(found, (Transient, UploadGone))
    # The container was there a moment ago, so it is not shown rather than missing.
    if may_pass or (acts and found.code == MISSING_OBJECT):
        kind: type[PublishError] = PublishFailed if acts else Transient
        unsure = kind(found.code, found.detail, hint=found.hint)
        unsure.not_before = response.retry_after(now)
        return unsure
    return _for_login_type(found, login_type, reconnect=error.code in TOKEN_CODES)


def upload_error(response: Response, now: datetime, *, login_type: str) -> PublishError | None:
    """Return the error that a response of the upload host stands for; None for a success.

    Failures may come with status 200, so only `success` counts.
    https://developers.facebook.com/docs/instagram-platform/content-publishing/resumable-uploads
    """
    fields = response.json_object()
    if fields.get("success") is True:
        return None
    debug = child(fields, "debug_info")
    if not debug:
        error = api_error(response, now, login_type=login_type)
        return error or Transient("bad_answer", "Instagram did not confirm the upload")
    code = text(debug, "type") or f"http_{response.status}"
    detail = sentence(text(debug, "message")) or "Instagram refused the upload"
    is_known = code in UPLOAD_TOKEN_TYPES
    if response.status == 401 or is_known:
        return _for_login_type(TokenExpired(code, detail), login_type, reconnect=is_known)
    if response.status == 429:
        return RateLimited(code, detail, retry_at=_retry_at(response, now, THROTTLED_WAIT_SECONDS))
    if debug.get("retriable") is False:
        return UploadGone(code, detail).for_dead_upload()
    return Transient(code, detail)


def dump_refusal(error: PublishError) -> dict[str, Any] | None:
    """Return an error of a publish as JSON fields for a checkpoint; None if it concerns only the
    moment, or a token, of which there may be another by then."""
    if type(error) not in _KEPT or getattr(error, "reconnect", False):
        return None
    fields = {"kind": error.category.value, "code": error.code, "detail": error.detail}
    flags = ("hint", "pause_seconds", "application_wide")
    return {**fields, **{name: getattr(error, name) for name in flags if hasattr(error, name)}}


def load_refusal(fields: Mapping[str, Any]) -> PublishError:
    """Return the error to raise for what `dump_refusal` serialized, once that is confirmed."""
    kind = _CONFIRMED[fields["kind"]]
    flags = {
        name: value for name, value in fields.items() if name not in ("kind", "code", "detail")
    }
    return kind(fields["code"], fields["detail"], **flags)


def _graph_error(fields: Fields) -> GraphError | None:
    if "error" not in fields:
        return None
    error = child(fields, "error")
    logger.info(
        "instagram refused",
        extra={"fbtrace_id": text(error, "fbtrace_id"), "code": error.get("code")},
    )
    return GraphError(
        code=_code(error),
        subcode=whole(error, "error_subcode") or None,  # 0 stands for no subcode
        detail=sentence(text(error, "error_user_msg") or text(error, "message")),
        is_transient=error.get("is_transient") is True,
    )


def _code(error: Fields) -> int | str | None:
    # Some errors have a word in place of the number, or beside one that says less.
    for word in (text(error, "code"), text(child(error, "error_data"), "error_code")):
        if word in CODES:
            return word
    code = number(error.get("code"))
    return code if code is not None else sentence(text(error, "code")) or None


def _verdict(error: GraphError, status: int) -> Verdict:
    """Return what an error means: by subcode, by code and subcode, by code, or by HTTP status."""
    if error.subcode in SUBCODES:
        return SUBCODES[error.subcode][1]
    if isinstance(error.code, int) and error.subcode is not None:
        pair = PAIRS.get((error.code, error.subcode))
        if pair is not None:
            return pair
    if error.code in CODES:
        return CODES[error.code]
    if error.is_transient:
        return Verdict(Transient)
    if status in HTTP_STATUSES:
        return HTTP_STATUSES[status]
    return Verdict(RequestRefused if 400 <= status < 500 else Transient)


def _error_without_body(response: Response, now: datetime, *, acts: bool) -> PublishError | None:
    """Return the error for a body that is not Graph's own; only a rate limit needs none."""
    if 200 <= response.status < 300:
        if response.json_object():
            return None
        kind: type[PublishError] = OutcomeUnknown if acts else Transient
        return kind("bad_answer", "Instagram answered with something unreadable")
    if response.status != 429:
        return unexpected(response, acts=acts)
    silent = GraphError(f"http_{response.status}", None, "", False)
    return _error(HTTP_STATUSES[429], silent, response, now)


def _error(verdict: Verdict, error: GraphError, response: Response, now: datetime) -> PublishError:
    code = error.name or f"http_{response.status}"
    detail = error.detail or f"Instagram answered {code}"
    return verdict.error_for(code, detail, retry_at=_retry_at(response, now, verdict.wait_seconds))


def _retry_at(response: Response, now: datetime, wait_seconds: int) -> datetime:
    return calls_possible_at(response, now) or now + timedelta(seconds=wait_seconds)


def _for_login_type(error: PublishError, login_type: str, *, reconnect: bool) -> PublishError:
    """Return the error as it applies to a login type: Facebook Login has no refresh.

    `reconnect`: Meta says in so many words that the token is dead.
    https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
    """
    if isinstance(error, TokenExpired) and login_type == FACEBOOK_LOGIN:
        return AccountRefused(error.code, error.detail, hint=RECONNECT_HINT, reconnect=reconnect)
    return error
