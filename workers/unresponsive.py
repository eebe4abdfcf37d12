"""How background work calls platforms: it stops calling one that does not respond.

Otherwise every call to a platform that hangs takes a minute, for each of its accounts, and work
for the other platforms queues up behind them.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from app.clock import utcnow
from app.database.transaction import transaction
from app.limits.unresponsive import mark_unresponsive, unresponsive_platforms
from workers import transport

logger = logging.getLogger(__name__)
#: Consecutive failed blocks after which a platform is avoided.
UNRESPONSIVE_MAX = 2


class UnresponsivePlatforms:
    """The platforms that one run avoids: those it found unresponsive, and those others marked."""

    def __init__(self) -> None:
        self._unanswered: Counter[str] = Counter()

    @property
    def found_here(self) -> set[str]:
        """The platforms that this run itself has found unresponsive."""
        return {name for name, count in self._unanswered.items() if count >= UNRESPONSIVE_MAX}

    def to_avoid(self) -> set[str]:
        """Return the platforms not to call now, as far as this and all other runs know."""
        with transaction() as session:
            return self.found_here | unresponsive_platforms(session, utcnow())

    @contextmanager
    def watch(self, platform: str) -> Iterator[None]:
        """Note how the last request of the block to this platform went."""
        with transport.observe() as observation:
            try:
                yield
            finally:
                if observation.last is not None:
                    self._note(platform, observation.last)

    def _note(self, platform: str, last: transport.CallOutcome) -> None:
        self._unanswered[platform] = 0 if last.succeeded else self._unanswered[platform] + 1
        if platform in self.found_here:
            logger.warning("%s does not respond and is avoided for a while", platform)
            with transaction() as session:
                mark_unresponsive(session, platform, utcnow())
