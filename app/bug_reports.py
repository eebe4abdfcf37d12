"""Bug reports to Sentry. Imported only if enabled, since the SDK is not small.

Reports carry the log context. Bodies, headers, queries, paths and local variables are never sent:
any may hold a token.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

import sentry_sdk
from sentry_sdk.integrations.flask import FlaskIntegration
from sentry_sdk.types import Breadcrumb, BreadcrumbHint, Event, Hint

#: What Sentry records of an outgoing call besides URL and status.
_QUERY = ("http.query", "http.fragment")


def report_bugs(
    dsn: str, context: Callable[[], Mapping[str, str]], route: Callable[[], str]
) -> None:
    """Enable reporting. `context` returns the calling thread's ids, `route` the rule of the
    current route or an empty string."""

    def scrub(event: Event, hint: Hint) -> Event:
        event["tags"] = {**event.get("tags", {}), **context()}
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
        before_send=scrub,
        before_breadcrumb=_scrub_call,
        # Platforms must not receive Sentry's headers.
        trace_propagation_targets=[],
    )


def _scrub_call(crumb: Breadcrumb, hint: BreadcrumbHint) -> Breadcrumb:
    """Drop the query of an outgoing call: it may hold tokens and signatures."""
    data = crumb.get("data")
    if isinstance(data, dict):
        crumb["data"] = {name: data[name] for name in data if name not in _QUERY}
    return crumb
