"""Logging: text on a terminal, JSON elsewhere; never at a level that shows URLs with tokens.

Every line says whose work it is about, where that is known: of a request the user, of a run the
user and the job.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar

import sentry_sdk
from flask import g, has_request_context, request
from pythonjsonlogger.json import JsonFormatter
from sentry_sdk.types import Breadcrumb, BreadcrumbHint, Event, Hint

from app.config import Config

#: Libraries whose DEBUG lines hold URLs and headers.
TALKATIVE = ("urllib3", "botocore", "boto3", "s3transfer", "requests")
#: What Sentry notes of a call besides its address and how it ended.
_QUERY = ("http.query", "http.fragment")
_work: ContextVar[Mapping[str, str]] = ContextVar("work", default={})


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """Put these ids on all that is logged, or reported as a bug, within the block."""
    token = _work.set({**_work.get(), **ids})
    try:
        with sentry_sdk.new_scope() as scope:
            scope.set_tags(ids)
            yield
    finally:
        _work.reset(token)


def configure_logging(config: Config) -> None:
    """Set the root logger up, and the reporting of bugs where it is asked for."""
    if config.sentry_dsn:
        # Neither bodies, headers, queries nor local variables are sent: any may hold a token.
        sentry_sdk.init(
            config.sentry_dsn,
            include_local_variables=False,
            max_request_body_size="never",
            before_send=_bare_request,
            before_breadcrumb=_bare_call,
            # No platform is to get headers of Sentry's with our calls.
            trace_propagation_targets=[],
        )
    write_lines(config)


def write_lines(config: Config) -> None:
    """Let the root logger write as the settings say, and nothing of what libraries say of URLs."""
    as_json = config.log_format == "json" or (not config.log_format and not sys.stderr.isatty())
    handler = logging.StreamHandler()
    if as_json:
        fields = "%(asctime)s %(levelname)s %(name)s %(process)d %(message)s"
        handler.setFormatter(JsonFormatter(fields))
        handler.addFilter(_add_ids)
    else:
        handler.setFormatter(_Text("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(config.log_level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)


class _Text(logging.Formatter):
    def formatMessage(self, record: logging.LogRecord) -> str:
        ids = "".join(f" {name}={value}" for name, value in _ids().items())
        return super().formatMessage(record) + ids


def _add_ids(record: logging.LogRecord) -> bool:
    for name, value in _ids().items():
        record.__dict__.setdefault(name, value)
    return True


def _ids() -> Mapping[str, str]:
    """Return what the calling thread is at work on."""
    if not has_request_context():
        return _work.get()
    ids = {"request": f"{request.method} {request.endpoint}", **_work.get()}
    if "user_id" in g:
        ids["userId"] = g.user_id
    return ids


def _bare_request(event: Event, hint: Hint) -> Event:
    """Leave of the request only what was called: the rest may hold a token or a platform's code."""
    request = event.get("request")
    if isinstance(request, dict):
        event["request"] = {name: request[name] for name in ("method", "url") if name in request}
    return event


def _bare_call(crumb: Breadcrumb, hint: BreadcrumbHint) -> Breadcrumb:
    """Leave of a call of ours no query: platforms and stores take tokens and signatures in it."""
    data = crumb.get("data")
    if isinstance(data, dict):
        crumb["data"] = {name: data[name] for name in data if name not in _QUERY}
    return crumb
