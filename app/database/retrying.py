"""Retrying a worker's writes across a restart of the database."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from app.causes import why
from app.database.engine import AWAY

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
#: A restart takes far less; a longer outage is left to the row's lease.
DEADLINE_SECONDS = 60.0
RETRY_SECONDS = 0.25


def retry_while_away(write: Callable[P, T]) -> Callable[P, T]:
    """Retry a write while the database is away, for a minute at most.

    Only for writes that may be repeated. Most check the claim: where the commit succeeded and its
    response was lost, the repeated write is refused (`Superseded`) or writes the same values.
    """

    @wraps(write)
    def retried(*args: P.args, **kwargs: P.kwargs) -> T:
        deadline, has_logged = time.monotonic() + DEADLINE_SECONDS, False
        while True:
            try:
                return write(*args, **kwargs)
            except AWAY as exc:
                if time.monotonic() > deadline:
                    raise
                if not has_logged:
                    logger.warning("%s put off: %s", write.__name__, why(exc))
                has_logged = True
                time.sleep(RETRY_SECONDS)

    return retried
