"""`/api/accounts/{platform}/…`: OAuth consent on behalf of back ends that do not implement it.

The back end requests the URL of a consent page and sends the browser there. The platform redirects
it to `callback`, which waits for a worker to exchange the code for tokens and then redirects the
browser to the back end's page.
"""

from __future__ import annotations

import time
from typing import Any

from flask import Response, current_app, make_response, redirect, render_template, request

from app.accounts.consent_pages import CONSENT_PAGES, client_of
from app.accounts.consents import (
    ConsentRefused,
    ConsentRequest,
    StateSigner,
    accept_code,
    read_consent,
    record_refusal,
    start_consent,
)
from app.accounts.requirements import login_fault
from app.accounts.return_urls import may_return_to, with_result
from app.api.auth import current_user, open_to_all
from app.api.blueprint import Blueprint
from app.api.errors import InvalidRequest, problem
from app.api.platforms import require_platform
from app.clock import utcnow
from app.config import Config, current_config
from app.faults import Faults
from app.models import Consent
from app.platforms import PLATFORMS
from app.schemas.consent import AuthorizeQuery, AuthorizeSchema, CallbackQuery
from app.states import ConsentState, LoginType

blueprint = Blueprint(
    "consents",
    __name__,
    url_prefix="/api/accounts",
    description="Connecting accounts through the platforms' consent pages",
)
#: How long a browser's request waits for the worker, which usually takes a fraction of that.
WAIT_SECONDS = 3.0
POLL_SECONDS = 0.1
CODE_MAX = 4096
_PAGE = {"type": "string", "description": "A page for the user."}
_ASKED = {
    "url": "https://www.tiktok.com/v2/auth/authorize/?client_key=…&response_type=code&state=…",
    "expiresAt": "2026-11-26T12:15:00.000Z",
}
_PAGE_HEADERS = {
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",  # this address has a state in it
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; img-src data:",
}


class NotSetUp(Exception):
    """Raised, with the name of the missing setting, where a platform's consent is not set up."""


@blueprint.route("/<platform>/authorize", methods=["GET"], operation="askConsent")
@blueprint.arguments(AuthorizeQuery, location="query")
@blueprint.alt_response(409, response="CONFLICT")
@blueprint.response(200, AuthorizeSchema, example=_ASKED)
def authorize(query: dict[str, Any], platform: str) -> ConsentRequest:
    """Get the URL of a platform's consent page for this user

    Send the user's browser there. It returns to `redirect` with `status=connected`, `platform` and
    `accountId` in the query, or with `status=failed`, `platform`, `error` and `message`. The URL
    is valid for one consent and for 15 minutes.
    """
    config = current_config()
    require_platform(platform)
    faults = _faults(config, platform, query)
    if faults:
        raise InvalidRequest(faults)
    login_type = _login_of(config, platform, query["login_type"])
    page = CONSENT_PAGES[platform, login_type]
    if not client_of(config, page):
        raise NotSetUp(f"Connecting these accounts is not set up: {page.client} is not set")
    return start_consent(
        config,
        _signer(),
        user_id=current_user(),
        platform=platform,
        login_type=login_type,
        redirect=query["redirect"],
        now=utcnow(),
    )


@blueprint.route("/<platform>/callback", methods=["GET"], operation="takeConsent")
@blueprint.doc(security=[])
@blueprint.arguments(CallbackQuery, location="query")
@blueprint.alt_response(303, description="Redirect to the back end's page, with the result.")
@blueprint.alt_response(400, schema=_PAGE, content_type="text/html")
@blueprint.alt_response(404, response="NOT_FOUND")
@blueprint.response(200, _PAGE, content_type="text/html")
@open_to_all
def callback(query: dict[str, Any], platform: str) -> Response:
    """Handle the redirect from a platform's consent page

    Platforms redirect browsers here; register this URL with each of them. A `state` is valid for
    one response.
    """
    require_platform(platform)
    try:
        consent_id = _signer().read(query["state"])
        consent = read_consent(consent_id, platform)
        _store_response(query, consent)
    except ConsentRefused as refusal:
        return _page(400, "This did not work", str(refusal))
    return _outcome(_awaited(consent), query["state"])


@blueprint.errorhandler(NotSetUp)
def answer_not_set_up(error: NotSetUp) -> Response:
    """Answer 409: the operator must set something up first."""
    return problem(409, str(error))


def _faults(config: Config, platform: str, query: dict[str, Any]) -> Faults:
    faults: Faults = {}
    target = query["redirect"]
    if target and not may_return_to(target, config.connect_return_urls):
        faults["redirect"] = ["Not one of CONNECT_RETURN_URLS, nor below one."]
    if fault := login_fault(platform, query["login_type"], may_omit=True):
        faults["loginType"] = [fault]
    return faults


def _login_of(config: Config, platform: str, requested: str | None) -> LoginType:
    """Return the login to use: the requested one, else the first that is set up."""
    if requested is not None:
        return LoginType(requested)
    logins = PLATFORMS[platform].logins
    usable = [login for login in logins if client_of(config, CONSENT_PAGES[platform, login])]
    return (usable or logins)[0]


def _store_response(query: dict[str, Any], consent: Consent) -> None:
    """Store the platform's response; reloads of the waiting page carry none."""
    now = utcnow()
    if query["error"]:
        words = _line(query["error_description"]) or "The platform or its user refused"
        record_refusal(consent.id, consent.platform, _line(query["error"]), words, now)
    elif len(query["code"]) > CODE_MAX:
        raise ConsentRefused("The platform's response is too long to be valid.")
    elif query["code"]:
        accept_code(consent.id, consent.platform, query["code"], now)
    elif consent.state is ConsentState.ASKED:
        raise ConsentRefused("The platform's response is missing. Please begin again.")


def _line(words: str) -> str:
    """Return untrusted text without what cannot be printed, on one line."""
    return " ".join("".join(char if char.isprintable() else " " for char in words).split())


def _awaited(consent: Consent) -> Consent:
    """Return the consent once a worker is done with it, or as it is after `WAIT_SECONDS`."""
    deadline = time.monotonic() + WAIT_SECONDS
    while True:
        consent = read_consent(consent.id, consent.platform)
        is_over = consent.state in (ConsentState.CONNECTED, ConsentState.FAILED)
        if is_over or time.monotonic() > deadline:
            return consent
        time.sleep(POLL_SECONDS)


def _outcome(consent: Consent, state: str) -> Response:
    name = PLATFORMS[consent.platform].name
    result = {"status": "connected", "platform": consent.platform}
    if consent.state is ConsentState.CONNECTED:
        result["accountId"] = consent.account_id or ""
        return _onward(consent, 200, result, f"Your {name} account is connected")
    if consent.state is ConsentState.FAILED:
        result["status"] = "failed"
        result.update(error=consent.error_code or "", message=consent.error_message or "")
        return _onward(consent, 400, result, f"Your {name} account is not connected")
    if consent.expires_at <= utcnow():
        return _page(400, "This took too long", "Please begin again in a few minutes.")
    waiting = _page(200, f"Connecting your {name} account …", "This takes a moment.")
    # Without the code, which is spent: the page reloads itself until there is an outcome.
    waiting.headers["Refresh"] = f"1; url={request.path}?state={state}"
    return waiting


def _onward(consent: Consent, status: int, result: dict[str, str], title: str) -> Response:
    if not consent.redirect:
        return _page(status, title, result.get("message") or "You may close this page.")
    response = make_response(redirect(with_result(consent.redirect, result), 303))
    response.headers.update(_PAGE_HEADERS)
    return response


def _page(status: int, title: str, words: str) -> Response:
    response = make_response(render_template("consent.html", title=title, words=words), status)
    response.headers.update(_PAGE_HEADERS)
    return response


def _signer() -> StateSigner:
    signer = current_app.extensions["states"]
    assert isinstance(signer, StateSigner)
    return signer
