"""How work that can wait asks platforms: one that does not answer is left alone, not asked on.

Else each call to a platform that hangs takes a minute, of as many accounts as there are, and what
concerns the other platforms waits behind them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.clock import utcnow
from app.database.transaction import transaction
from app.limits.silence import mark_silent, silent_platforms
from workers import transport

logger = logging.getLogger(__name__)
#: Looks in a row without an answer after which a platform is left alone.
UNANSWERED_MAX = 2


class Asking:
    """What one run has heard of each platform, for the runs after it as well."""

    def __init__(self) -> None:
        self._unanswered: Counter[str] = Counter()

    @property
    def given_up(self) -> set[str]:
        """The platforms that this run itself has found silent."""
        return {name for name, count in self._unanswered.items() if count >= UNANSWERED_MAX}

    def left_alone(self) -> set[str]:
        """Return the platforms not to be asked now, by what this and all other runs know."""
        with transaction() as session:
            return self.given_up | silent_platforms(session, utcnow())

    @contextmanager
    def of(self, platform: str) -> Iterator[None]:
        """Ask a platform, in this block, and take note whether it answered."""
        transport.listen()
        try:
            yield
        finally:
            self._hear(platform)

    def _hear(self, platform: str) -> None:
        heard = transport.heard()
        if heard is None:
            return
        self._unanswered[platform] = 0 if heard.succeeded else self._unanswered[platform] + 1
        if platform in self.given_up:
            logger.warning("%s does not answer, and is left alone for a while", platform)
            with transaction() as session:
                mark_silent(session, platform, utcnow())
