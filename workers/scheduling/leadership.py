"""Leading: one scheduler process releases the delayed runs and sweeps, the others stand by.

The office is a row of the database: a sign of life there costs nothing, and in Redis it would be
most of what an idle service is billed for. No clock is compared with another machine's: whoever
stands by watches the row, and takes over when it has not changed for a term by his own clock; a
leader that could not renew for a term, by its own, no longer leads. The number of a term is a
fencing token: Redis releases nothing for an earlier one.
"""

from __future__ import annotations

import logging
import threading
import time

from flask import Flask
from sqlalchemy import update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.orm import Session

from app.clock import utcnow
from app.database.results import rows_changed
from app.database.transaction import transaction
from app.ids import new_id
from app.models import SchedulerTerm

logger = logging.getLogger(__name__)
#: A leader that died has lost its office after this, and a standby looks this often.
TERM_SECONDS = 6.0
RENEW_SECONDS = 2.0
NAME = "leader"


class Leadership:
    """One process's claim to lead. `renew` is called every `RENEW_SECONDS` from one thread;
    `term` may be asked from any."""

    def __init__(self, app: Flask) -> None:
        self._app = app
        self._id = new_id()
        self._lock = threading.Lock()
        self._number = 0
        self._stands_by = False
        self._renewed_at = -TERM_SECONDS
        #: what the row said when it last changed, and when that was, by our own clock
        self._watched: tuple[int, int] | None = None
        self._changed_at = 0.0

    @property
    def term(self) -> int | None:
        """The number of our term, or None while we do not lead."""
        with self._lock:
            is_over = time.monotonic() - self._renewed_at >= TERM_SECONDS
            return None if is_over or not self._number else self._number

    def renew(self) -> bool:
        """Stay or become the leader; tell whether we lead now."""
        began_at = time.monotonic()
        try:
            with self._app.app_context(), transaction() as session:
                number = self._renew_row(session, began_at)
        except SQLAlchemyError as exc:
            logger.warning("leadership not renewed: %s", type(exc).__name__)
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

    def resign(self) -> None:
        """Let another process lead at once."""
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
            logger.warning("leadership not handed over: %s", type(exc).__name__)

    def _renew_row(self, session: Session, now: float) -> int:
        """Return the number of our term; 0 where another leads."""
        row = session.get(SchedulerTerm, NAME, populate_existing=True)
        if row is None:
            return self._found(session)
        if row.holder == self._id:
            return row.number if _write(session, row, renewals=row.renewals + 1) else 0
        seen = (row.number, row.renewals)
        if seen != self._watched:
            self._watched, self._changed_at = seen, now
        if row.holder and now - self._changed_at < TERM_SECONDS:
            return 0
        number = max(row.number + 1, _first_number())
        taken = _write(session, row, number=number, holder=self._id, renewals=0)
        return number if taken else 0

    def _found(self, session: Session) -> int:
        """Be the first leader ever, unless another process is faster."""
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
    """Return a number above those of a database that was there before this one: Redis may
    remember its terms."""
    return int(time.time())


def _write(session: Session, row: SchedulerTerm, **values: int | str) -> bool:
    """Change the row, unless somebody else has changed it since it was read."""
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
