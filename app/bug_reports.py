"""Reports of bugs to Sentry, where the settings ask for them; loaded only there: it is not small.

They name whose work it was. Neither bodies, headers, queries, paths nor local variables are sent:
any may hold a token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import sentry_sdk
from sentry_sdk.integrations.flask import FlaskIntegration
from sentry_sdk.types import Breadcrumb, BreadcrumbHint, Event, Hint

#: What Sentry notes of a call besides its address and how it ended.
_QUERY = ("http.query", "http.fragment")


def report_bugs(dsn: str, work: Callable[[], Mapping[str, str]], route: Callable[[], str]) -> None:
    """Set reporting up. `work` says what the calling thread is at work on, `route` the rule of
    the route that was called, or nothing."""

    def bare(event: Event, hint: Hint) -> Event:
        event["tags"] = {**event.get("tags", {}), **work()}
        reported = event.get("request")
        if isinstance(reported, dict):
            parts = urlsplit(str(reported.get("url", "")))
            url = f"{parts.scheme}://{parts.netloc}{route()}"
            event["request"] = {"method": reported.get("method"), "url": url}
            event["transaction"] = route() or "unknown route"
        return event

    sentry_sdk.init(
        dsn,
        include_local_variables=False,
        integrations=[FlaskIntegration(transaction_style="url")],
        max_request_body_size="never",
        before_send=bare,
        before_breadcrumb=_bare_call,
        # No platform is to get headers of Sentry's with our calls.
        trace_propagation_targets=[],
    )


def _bare_call(crumb: Breadcrumb, hint: BreadcrumbHint) -> Breadcrumb:
    """Leave of a call of ours no query: platforms and stores take tokens and signatures in it."""
    data = crumb.get("data")
    if isinstance(data, dict):
        crumb["data"] = {name: data[name] for name in data if name not in _QUERY}
    return crumb
