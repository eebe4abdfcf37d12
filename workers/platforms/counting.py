"""The part of the handler contract that reads the statistics of live posts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, ClassVar

from workers.platforms.budget import Budget, Unlimited

if TYPE_CHECKING:
    from workers.platforms.base import Access


@dataclass(frozen=True)
class Counts:
    """Statistics of one post; None where the platform does not report the number."""

    views: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None


@dataclass(frozen=True)
class ReadContext:
    """What a call needs that belongs to no job: the account, a clock (aware UTC), a budget."""

    access: Access
    now: Callable[[], datetime]
    budget: Budget = field(default_factory=Unlimited)


class Counting(ABC):
    """Reads statistics of an account's posts."""

    #: The maximum number of posts of one account per call of `count`.
    posts_at_once: ClassVar[int]

    @abstractmethod
    def count(self, context: ReadContext, post_ids: Sequence[str]) -> Mapping[str, Counts]:
        """Return statistics by post id, for those of at most `posts_at_once` posts it can read.

        Only reads. Raises any `PublishError`; a missing read permission is not an error.
        """
