"""How far this machine's clock is ahead of the database's, so that no post begins early."""

from __future__ import annotations

import logging
import time
from datetime import timedelta

from sqlalchemy import func, select

from app.clock import utcnow
from app.database.transaction import transaction

logger = logging.getLogger(__name__)
#: How often the two clocks are compared.
CHECK_SECONDS = 60.0
#: A smaller difference is ignored.
TOLERANCE = timedelta(seconds=1)


class ClockCheck:
    """Compares the clocks now and then."""

    def __init__(self) -> None:
        self._ahead = timedelta()
        self._checked_at = -CHECK_SECONDS

    def ahead(self) -> timedelta:
        """Return how far this machine's clock is ahead; zero if it is right, or slow.

        A slow clock only makes this worker late, and others may be right. Raises
        `SQLAlchemyError`.
        """
        if time.monotonic() - self._checked_at >= CHECK_SECONDS:
            ahead = _ahead_of_database()
            if ahead and not self._ahead:
                seconds = ahead.total_seconds()
                logger.error("this machine's clock is %.0f s ahead of the database's", seconds)
            self._ahead = ahead
            self._checked_at = time.monotonic()
        return self._ahead


def _ahead_of_database() -> timedelta:
    before = utcnow()
    with transaction() as session:
        if session.get_bind().dialect.name != "postgresql":
            return timedelta()  # SQLite's clock is this machine's
        ahead: timedelta = before - session.scalars(select(func.clock_timestamp())).one()
    return ahead if ahead > TOLERANCE else timedelta()
