"""The time by which posts begin: this machine's clock, corrected by the database's.

All machines share the database, so a worker whose clock is wrong neither starts posts early nor
leaves them to others for hours.
"""

from __future__ import annotations

import logging
import time
from datetime import datetime, timedelta

from sqlalchemy import func, select

from app.clock import utcnow
from app.database.transaction import transaction

logger = logging.getLogger(__name__)
#: How often the two clocks are compared.
CHECK_SECONDS = 60.0
#: A smaller difference is ignored.
TOLERANCE = timedelta(seconds=1)


class TrustedClock:
    """Tells the time by this machine's clock, corrected where it disagrees with the database's."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._checked_at = -CHECK_SECONDS

    def now(self) -> datetime:
        """Return the time now. Raises `SQLAlchemyError`."""
        if time.monotonic() - self._checked_at >= CHECK_SECONDS:
            self._ahead = _ahead_of_database()
            self._checked_at = time.monotonic()
        return utcnow() - self._ahead


def _ahead_of_database() -> timedelta:
    before = utcnow()
    with transaction() as session:
        if session.get_bind().dialect.name != "postgresql":
            return timedelta()  # SQLite's clock is this machine's
        theirs: datetime = session.scalars(select(func.clock_timestamp())).one()
        after = utcnow()
    if before - TOLERANCE <= theirs <= after + TOLERANCE:
        return timedelta()
    ahead = before - theirs
    logger.error("this machine's clock is %s ahead of the database's", ahead)
    return ahead
