"""Leader election among the scheduler processes: one leads, the others stand by.

The leadership is a row of the database: heartbeats cost nothing there, while in Redis they would be
most of an idle service's bill. Clocks of different machines are never compared: a standby watches
the row and takes over when it has not changed for a term by the standby's own clock; a leader that
could not renew for a term by its own clock no longer leads. The number of a term is a fencing
token: Redis releases nothing for an earlier one.
"""

from __future__ import annotations

import logging
import threading
import time

from flask import Flask
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.causes import why
from app.clock import utcnow
from app.database.results import rows_changed
from app.database.transaction import transaction
from app.database.versions import reason
from app.ids import new_id
from app.models import SchedulerTerm

logger = logging.getLogger(__name__)
#: A leader that dies loses the leadership after a term; leader and standbys check every 2 s.
TERM_SECONDS = 6.0
RENEW_SECONDS = 2.0
NAME = "leader"


class Leadership:
    """One process's part in the election.

    One thread calls `renew` every `RENEW_SECONDS`; any may read `term`.
    """

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._id = new_id()
        self._lock = threading.Lock()
        self._number = 0
        #: the lowest number to take: Redis has seen all below it
        self._floor = 0
        self._stands_by = False
        self._renewed_at = -TERM_SECONDS
        #: the row as of its last change, and when we saw that, by our own clock
        self._watched: tuple[int, int] | None = None
        self._changed_at = 0.0

    @property
    def term(self) -> int | None:
        """The number of our term; None while we do not lead."""
        with self._lock:
            is_expired = time.monotonic() - self._renewed_at >= TERM_SECONDS
            return None if is_expired or not self._number else self._number

    def renew(self) -> bool:
        """Renew or take the leadership if possible; tell whether we lead."""
        began_at = time.monotonic()
        try:
            with self._app.app_context(), transaction() as session:
                number = self._renew_row(session, began_at)
        except SQLAlchemyError as exc:
            with self._app.app_context():
                logger.warning("leadership not renewed: %s", reason(exc))
            return self.term is not None
        with self._lock:
            if number and number != self._number:
                logger.info("this scheduler leads now")
            elif not number and not self._stands_by:
                logger.info("this scheduler stands by")
            self._number, self._stands_by = number, not number
            if number:
                self._renewed_at = began_at
        return bool(number)

    def outbid(self, fence: int) -> None:
        """Take a higher number than `fence` with the next renewal, if the row still names us then.

        Redis may remember a later term than the database, which was restored or failed over.
        """
        with self._lock:
            self._floor = max(self._floor, fence + 1)

    def resign(self) -> None:
        """Give the leadership up, so that another process takes over at once."""
        with self._lock:
            number, self._number = self._number, 0
        if not number:
            return
        try:
            with self._app.app_context(), transaction() as session:
                row = session.get(SchedulerTerm, NAME, populate_existing=True)
                if row is not None and row.holder == self._id:
                    _write(session, row, holder="")
        except SQLAlchemyError as exc:
            logger.warning("leadership not handed over: %s", why(exc))

    def _renew_row(self, session: Session, now: float) -> int:
        """Return the number of our term; 0 while another process leads."""
        row = session.get(SchedulerTerm, NAME, populate_existing=True)
        if row is None:
            return self._create_first_term(session)
        if row.holder == self._id and row.number >= self._floor:
            return row.number if _write(session, row, renewals=row.renewals + 1) else 0
        seen = (row.number, row.renewals)
        if seen != self._watched:
            self._watched, self._changed_at = seen, now
        is_led = row.holder not in ("", self._id) and now - self._changed_at < TERM_SECONDS
        if is_led:
            return 0
        number = max(row.number + 1, _first_number(), self._floor)
        taken = _write(session, row, number=number, holder=self._id, renewals=0)
        return number if taken else 0

    def _create_first_term(self, session: Session) -> int:
        """Return the number of the first term ever; 0 where another process was faster."""
        number = _first_number()
        first = SchedulerTerm(
            name=NAME, number=number, renewals=0, holder=self._id, renewed_at=utcnow()
        )
        try:
            with session.begin_nested():
                session.add(first)
        except IntegrityError:
            return 0
        return number


def _first_number() -> int:
    """Return a number above the terms of an earlier database, which Redis may remember."""
    return int(time.time())


def _write(session: Session, row: SchedulerTerm, **values: int | str) -> bool:
    """Update the row; False if another process has changed it since it was read."""
    changed = session.execute(
        update(SchedulerTerm)
        .where(
            SchedulerTerm.name == NAME,
            SchedulerTerm.number == row.number,
            SchedulerTerm.renewals == row.renewals,
            SchedulerTerm.holder == row.holder,
        )
        .values(renewed_at=utcnow(), **values)
        .execution_options(synchronize_session=False)
    )
    return rows_changed(changed) == 1
