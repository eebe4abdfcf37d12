"""The part of a handler that reads how live posts are doing."""

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
    """How a post is doing; None: the platform does not say."""

    views: int | None = None
    likes: int | None = None
    comments: int | None = None
    shares: int | None = None


@dataclass(frozen=True)
class Reader:
    """Who reads, and by which clock: all that a call needs which belongs to no job."""

    access: Access
    now: Callable[[], datetime]
    budget: Budget = field(default_factory=Unlimited)


class Counting(ABC):
    """Reads the counts of an account's posts."""

    #: How many posts of one account are asked for at once.
    posts_at_once: ClassVar[int]

    @abstractmethod
    def count(self, reader: Reader, post_ids: Sequence[str]) -> Mapping[str, Counts]:
        """Return the counts of those posts, at most `posts_at_once`, that the platform shows.

        Only reads. Raises any `PublishError`; lacking the permission to look is none.
        """
