"""Logging: text on a terminal, JSON elsewhere; never at a level that shows URLs with tokens.

Every line says whose work it is about, where that is known: of a request the user, of a run the
user and the job. Of a request only the route is told, never its path or query: a signed link is a
permission, and its token is part of the path.
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
#: What is a permission by itself: the tokens of signed links, and what queries may hold.
_SECRET_PARTS = re.compile(r"(/media/|/api/videos/uploads/)[^\s\"'?]+|\?[^\s\"']+")
_work: ContextVar[Mapping[str, str]] = ContextVar("work", default={})


@contextmanager
def about(**ids: str) -> Iterator[None]:
    """Put these ids on all that is logged, or reported as a bug, within the block."""
    token = _work.set({**_work.get(), **ids})
    try:
        yield
    finally:
        _work.reset(token)


class LoggedFlask(Flask):
    """Flask, whose line about a bug in a view names the route and not the path."""

    def ensure_sync(self, func: Callable[..., Any]) -> Callable[..., Any]:
        """Return a view as it is: none is a coroutine, and to look costs each request."""
        return func

    def log_exception(self, exc_info: Any) -> None:
        """Log a bug with its traceback."""
        self.logger.error("bug in %s %s", request.method, _route(), exc_info=exc_info)


def hide_tokens(record: logging.LogRecord) -> bool:
    """Take links' tokens and queries out of a line of the server's, which knows no routes; a
    filter that lets every line pass."""
    record.msg = _SECRET_PARTS.sub(lambda found: f"{found[1] or '?'}…", record.getMessage())
    record.args = ()
    return True


def configure_logging(config: Config) -> None:
    """Set the root logger up, and the reporting of bugs where it is asked for."""
    if config.sentry_dsn:
        from app.bug_reports import report_bugs

        report_bugs(config.sentry_dsn, _ids, _route)
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


def _route() -> str:
    """Return the rule of the route that was called, `/media/<token>`; empty where there is none."""
    if not has_request_context() or request.url_rule is None:
        return ""
    return request.url_rule.rule
