"""View and like counts: they grow with a post's age and are deterministic."""

from dataclasses import dataclass
from datetime import datetime

from sandbox.core.posts import Post


@dataclass(frozen=True)
class Statistics:
    """The counts of a post."""

    views: int
    likes: int
    comments: int
    shares: int


def statistics(post: Post, now: datetime) -> Statistics:
    """Return a post's numbers at this time."""
    minutes = int((now - post.published_at).total_seconds() // 60)
    views = 1 + 7 * minutes
    return Statistics(views, likes=views // 5, comments=views // 20, shares=views // 50)
