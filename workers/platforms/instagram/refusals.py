"""From an answer of Instagram that is no success to the error to raise."""

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
    PAIRS,
    RECONNECT_HINT,
    STATUSES,
    SUBCODES,
    THROTTLED_WAIT_SECONDS,
)
from workers.platforms.instagram.fields import sentence
from workers.platforms.instagram.usage import free_again_at
from workers.platforms.verdicts import Verdict
from workers.transport import Response, unexpected

logger = logging.getLogger(__name__)
FACEBOOK_LOGIN = "facebook"
_REFUSALS: dict[str, type[PublishError]] = {
    kind.category.value: kind for kind in (AccountRefused, VideoRefused, RequestRefused)
}


@dataclass(frozen=True)
class GraphError:
    """The `error` object of the Graph API, read with care."""

    code: int | str | None
    subcode: int | None
    words: str
    is_transient: bool

    @property
    def name(self) -> str:
        """Return the code as it is stored: `code/subcode`, `code`, or nothing."""
        parts = [str(part) for part in (self.code, self.subcode) if part is not None]
        return "/".join(parts)[:100]


def read_error(fields: Fields) -> GraphError | None:
    """Return the error that a body holds, if it holds one."""
    if "error" not in fields:
        return None
    error = child(fields, "error")
    logger.info(
        "instagram answered with an error",
        extra={"fbtrace_id": text(error, "fbtrace_id"), "code": error.get("code")},
    )
    # 0 is how the platform writes "no subcode".
    return GraphError(
        code=_code(error),
        subcode=whole(error, "error_subcode") or None,
        words=sentence(text(error, "error_user_msg") or text(error, "message")),
        is_transient=error.get("is_transient") is True,
    )


def failure(
    answer: Response, *, now: datetime, login_type: str, acts: bool = False
) -> PublishError | None:
    """Return the error that an answer stands for, or None for a success.

    A success has status 2xx and a JSON object without `error`. With `acts`, whatever is not a
    clear refusal becomes `OutcomeUnknown`.
    """
    error = read_error(answer.json_object())
    if error is None:
        return _without_error(answer, now, login_type, acts=acts)
    found = _raised(verdict_of(error, answer.status), error, answer, now)
    if isinstance(found, (Transient, UploadGone)):
        kind: type[PublishError] = OutcomeUnknown if acts else Transient
        return kind(found.code, found.detail, hint=found.hint)
    return for_flavour(found, login_type)


def remembered(error: PublishError) -> dict[str, Any] | None:
    """Return a refusal as an upload keeps it; None for what is no refusal of the post itself."""
    if not isinstance(error, tuple(_REFUSALS.values())):
        return None
    kept = {"kind": error.category.value, "code": error.code, "detail": error.detail}
    flags = ("hint", "reconnect", "pause_seconds", "application_wide")
    return {**kept, **{name: getattr(error, name) for name in flags if hasattr(error, name)}}


def recalled(kept: Mapping[str, Any]) -> PublishError:
    """Return once more the refusal that `remembered` has kept."""
    kind = _REFUSALS[kept["kind"]]
    flags = {name: value for name, value in kept.items() if name not in ("kind", "code", "detail")}
    return kind(kept["code"], kept["detail"], **flags)


def for_flavour(error: PublishError, login_type: str) -> PublishError:
    """Return the error as it stands for a login flavour: Facebook Login has no refresh.

    https://developers.facebook.com/docs/facebook-login/guides/access-tokens/get-long-lived
    """
    if isinstance(error, TokenExpired) and login_type == FACEBOOK_LOGIN:
        return AccountRefused(error.code, error.detail, hint=RECONNECT_HINT, reconnect=True)
    return error


def verdict_of(error: GraphError, status: int) -> Verdict:
    """Return what an error means: by its subcode, by both codes, by its code, by the status."""
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
    return _by_status(status)


def throttled(code: str, words: str, answer: Response, now: datetime) -> RateLimited:
    """Return the error for a limit that names no time but perhaps in its headers."""
    retry_at = free_again_at(answer, now) or now + timedelta(seconds=THROTTLED_WAIT_SECONDS)
    return RateLimited(code, words, retry_at=retry_at)


def _without_error(
    answer: Response, now: datetime, login_type: str, *, acts: bool
) -> PublishError | None:
    if 200 <= answer.status < 300:
        if answer.json_object():
            return None
        kind: type[PublishError] = OutcomeUnknown if acts else Transient
        return kind("bad_answer", "Instagram answered with something unreadable")
    verdict = STATUSES.get(answer.status)
    if verdict is None or verdict.error is Transient:
        return unexpected(answer, acts=acts)
    silent = GraphError(f"http_{answer.status}", None, "", False)
    return for_flavour(_raised(verdict, silent, answer, now), login_type)


def _by_status(status: int) -> Verdict:
    if status in STATUSES:
        return STATUSES[status]
    return Verdict(RequestRefused if 400 <= status < 500 else Transient)


def _raised(verdict: Verdict, error: GraphError, answer: Response, now: datetime) -> PublishError:
    code = error.name or f"http_{answer.status}"
    words = error.words or f"Instagram answered {code}"
    retry_at = free_again_at(answer, now) or now + timedelta(seconds=verdict.wait_seconds)
    return verdict.error_for(code, words, retry_at=retry_at)


def _code(error: Fields) -> int | str | None:
    # Some refusals are words, in place of a number or beside one that says less.
    for word in (text(error, "code"), text(child(error, "error_data"), "error_code")):
        if word in CODES:
            return word
    code = number(error.get("code"))
    return code if code is not None else sentence(text(error, "code")) or None
