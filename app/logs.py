"""Logging: text on a terminal, JSON elsewhere; never at a level that shows URLs with tokens.

Every line carries the known context: the user of a request, the user and the job of a run. A
request is identified by its route only, never by its path or query: a signed link is a capability,
and its token is part of the path.
"""

from __future__ import annotations

import logging
import re
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from flask import Flask, g, has_request_context, request
from pythonjsonlogger.json import JsonFormatter

from app.config import Config

#: Libraries whose DEBUG lines hold URLs and headers.
TALKATIVE = ("urllib3", "botocore", "boto3", "s3transfer", "requests")
#: Capabilities: the tokens of signed links, and anything that a query may hold.
_SECRET_PARTS = re.compile(r"(/media/|/api/videos/uploads/)[^\s\"'?]+|\?[^\s\"']+")
_work: ContextVar[Mapping[str, str]] = ContextVar("work", default={})


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """Attach these ids to every log line and bug report within the block."""
    token = _work.set({**_work.get(), **ids})
    try:
        yield
    finally:
        _work.reset(token)


class LoggedFlask(Flask):
    """Flask, with log lines about bugs that name the route, not the path."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a view unchanged: none is a coroutine, and checking costs every request."""
        return func

    def log_exception(self, exc_info: Any) -> None:
        """Log an unhandled exception with its traceback."""
        self.logger.error("bug in %s %s", request.method, _route(), exc_info=exc_info)


def hide_tokens(record: logging.LogRecord) -> bool:
    """Redact links' tokens and queries in the lines of the server, which knows no routes.

    A logging filter that lets every line pass.
    """
    record.msg = _SECRET_PARTS.sub(lambda found: f"{found[1] or '?'}…", record.getMessage())
    record.args = ()
    return True


def configure_logging(config: Config) -> None:
    """Configure the root logger, and bug reporting if it is enabled."""
    if config.sentry_dsn:
        from app.bug_reports import report_bugs

        report_bugs(config.sentry_dsn, _ids, _route)
    configure_root_logger(config)


def configure_root_logger(config: Config) -> None:
    """Set format and level of the root logger, and silence libraries that log URLs."""
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
    """Return the context of the calling thread."""
    if not has_request_context():
        return _work.get()
    ids = {"request": f"{request.method} {request.endpoint}", **_work.get()}
    if "user_id" in g:
        ids["userId"] = g.user_id
    return ids


def _route() -> str:
    """Return the rule of the current route, such as `/media/<token>`; empty if there is none."""
    if not has_request_context() or request.url_rule is None:
        return ""
    return request.url_rule.rule
