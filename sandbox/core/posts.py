"""The live posts of all accounts, by which "nothing twice" is measured."""

import threading
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.core.clock import iso
from sandbox.core.probe import StoredVideo


@dataclass
class Post:
    """One video on one account's page. It is live from `published_at` on.

    A `failed` one exists for its owner but nobody can watch it (YouTube keeps such videos).
    """

    platform: str
    account: str
    id: str
    caption: str
    privacy: str
    video: StoredVideo
    published_at: datetime
    url: str
    title: str = ""
    failed: bool = False
    removed: bool = False
    source: str = ""  # the publish id, container or upload id that became this post
    resource: dict[str, Any] = field(default_factory=dict)  # the platform's own fields

    def to_json(self) -> dict[str, Any]:
        """Return the post as the control API lists it."""
        return {
            "platform": self.platform,
            "account": self.account,
            "id": self.id,
            "caption": self.caption,
            "title": self.title,
            "privacy": self.privacy,
            "sha256": self.video.sha256,
            "size_bytes": self.video.size_bytes,
            "published_at": iso(self.published_at),
            "url": self.url,
            "page": f"/live/{self.platform.lower()}/{self.id}",
            "source": self.source,
        }


class PostBook:
    """Posts by id, and by account from the newest, without scanning the others."""

    def __init__(self) -> None:
        self._lock = threading.RLock()
        self._by_id: dict[tuple[str, str], Post] = {}
        self._by_account: dict[tuple[str, str], list[Post]] = defaultdict(list)
        self._removed: Counter[tuple[str, str]] = Counter()
        self._same_video: dict[tuple[str, str, str], list[str]] = defaultdict(list)

    def add(self, post: Post) -> list[str]:
        """Publish a post; return the ids of earlier posts of the same video on this account.

        A post that nobody can watch counts neither as a duplicate nor as an original.
        """
        with self._lock:
            earlier = [] if post.failed else self._note_video(post)
            self._by_id[(post.platform, post.id)] = post
            self._by_account[(post.platform, post.account)].append(post)
            return earlier

    def _note_video(self, post: Post) -> list[str]:
        same = self._same_video[(post.platform, post.account, post.video.sha256)]
        earlier = list(same)
        same.append(post.id)
        return earlier

    def remove(self, post: Post) -> None:
        """Remove a post."""
        with self._lock:
            if self._by_id.pop((post.platform, post.id), None) is not None:
                post.removed = True
                self._removed[(post.platform, post.account)] += 1

    def get(self, platform: str, post_id: str, now: datetime) -> Post | None:
        """Return the live post with this id."""
        with self._lock:
            post = self._by_id.get((platform, post_id))
        return post if post and post.published_at <= now else None

    def newest(self, platform: str, account: str, now: datetime) -> Iterator[Post]:
        """Yield an account's live posts lazily, newest first."""
        with self._lock:
            posts = self._by_account[(platform, account)]
        for number in range(len(posts) - 1, -1, -1):  # posts are only ever appended
            post = posts[number]
            if post.published_at <= now and not post.removed:
                yield post

    def live(self, now: datetime) -> list[Post]:
        """Return every post that can be watched, oldest first."""
        with self._lock:
            posts = list(self._by_id.values())
        return [post for post in posts if post.published_at <= now and not post.failed]

    def count(self, platform: str, account: str) -> int:
        """Return how many posts an account has."""
        with self._lock:
            key = (platform, account)
            return len(self._by_account[key]) - self._removed[key]

    def clear(self) -> None:
        """Remove every post."""
        with self._lock:
            self._by_id.clear()
            self._by_account.clear()
            self._removed.clear()
            self._same_video.clear()
