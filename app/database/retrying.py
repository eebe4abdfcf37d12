"""Writes of workers that outlast a restart of the database."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from app.database.engine import AWAY

logger = logging.getLogger(__name__)
P = ParamSpec("P")
T = TypeVar("T")
#: A restart is over long before; what takes longer is left to the row's lease.
PATIENCE_SECONDS = 60.0
LOOK_SECONDS = 0.25


def patiently(write: Callable[P, T]) -> Callable[P, T]:
    """Repeat a write while the database is away, for a minute at most.

    For writes that check the claim: one whose commit was done and not answered is refused when
    it is repeated (`Superseded`), or writes the same again.
    """

    @wraps(write)
    def repeated(*args: P.args, **kwargs: P.kwargs) -> T:
        deadline, has_told = time.monotonic() + PATIENCE_SECONDS, False
        while True:
            try:
                return write(*args, **kwargs)
            except AWAY as exc:
                if time.monotonic() > deadline:
                    raise
                if not has_told:
                    logger.warning("%s put off: %s", write.__name__, type(exc).__name__)
                has_told = True
                time.sleep(LOOK_SECONDS)

    return repeated
