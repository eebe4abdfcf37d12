"""Logging: text on a terminal, JSON elsewhere; never at a level that shows URLs with tokens."""

from __future__ import annotations

import logging
import sys

import sentry_sdk
from pythonjsonlogger.json import JsonFormatter
from sentry_sdk.types import Event, Hint

from app.config import Config

#: Libraries whose DEBUG lines hold URLs and headers.
TALKATIVE = ("urllib3", "botocore", "boto3", "s3transfer", "requests")


def configure_logging(config: Config) -> None:
    """Set the root logger up, and the reporting of bugs where it is asked for."""
    if config.sentry_dsn:
        # Neither bodies, headers nor local variables are sent: any of them may hold a token.
        sentry_sdk.init(
            config.sentry_dsn,
            send_default_pii=False,
            include_local_variables=False,
            max_request_body_size="never",
            before_send=_without_query,
        )
    as_json = config.log_format == "json" or (not config.log_format and not sys.stderr.isatty())
    handler = logging.StreamHandler()
    if as_json:
        fields = "%(asctime)s %(levelname)s %(name)s %(process)d %(message)s"
        handler.setFormatter(JsonFormatter(fields))
    else:
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)-7s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(config.log_level)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(max(logging.INFO, root.level))
    logging.getLogger("alembic.runtime.plugins").setLevel(logging.WARNING)


def _without_query(event: Event, hint: Hint) -> Event:
    """Take the query out of what is reported: it may hold a token or a platform's code."""
    request = event.get("request")
    if isinstance(request, dict):
        request.pop("query_string", None)
    return event
