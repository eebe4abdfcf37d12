"""The sandbox's whole state: one `World` per server, no globals."""

import threading
from pathlib import Path
from typing import Any, TypeVar, cast

from flask import current_app

from sandbox.core.account_file import AccountFile
from sandbox.core.accounts import Account, AccountBook
from sandbox.core.background import Background
from sandbox.core.clock import Clock, iso
from sandbox.core.faults import FaultBook
from sandbox.core.journal import Journal
from sandbox.core.posts import Post, PostBook
from sandbox.core.settings import Settings

Part = TypeVar("Part")


class World:
    """Clock, accounts, faults, journal, posts, and each platform's own state.

    With `keeps_accounts`, the next world on the same folder has the same accounts and tokens.
    `lock` guards the platforms' state and is held only briefly, never while receiving bytes.
    """

    def __init__(self, state_dir: Path, *, keeps_accounts: bool = False) -> None:
        self.upload_dir = state_dir / "uploads"
        self.upload_dir.mkdir(parents=True, exist_ok=True)
        self.lock = threading.RLock()
        self._over = threading.Event()
        self.background = Background()
        self.clock = Clock()
        self.settings = Settings()
        self.accounts = AccountBook()
        if keeps_accounts:
            kept = AccountFile(state_dir / "accounts.json")
            self.accounts = AccountBook(kept.load(), kept.save)
        self.faults = FaultBook()
        self.posts = PostBook()
        self.journal = Journal(state_dir / "journal.jsonl")
        self._parts: dict[type, Any] = {}
        self._remove_uploads()

    def part(self, kind: type[Part]) -> Part:
        """Return a platform's own state, created on first use and after a reset."""
        with self.lock:
            if kind not in self._parts:
                self._parts[kind] = kind()
            return cast(Part, self._parts[kind])

    @property
    def over(self) -> threading.Event:
        """The event that a reset or a stop sets; a reset puts another in its place."""
        with self.lock:
            return self._over

    def end_calls(self) -> None:
        """Wake the calls that wait: they end without an answer, and leave nothing behind."""
        with self.lock:
            self._over.set()
        self.faults.release_all()

    def journal_call(self, over: threading.Event, entry: dict[str, Any]) -> None:
        """Journal a call, unless what it belongs to is over."""
        with self.lock:
            if not over.is_set():
                self.journal.write(entry)

    def publish(self, post: Post) -> None:
        """Publish a post and journal it, with the earlier posts of the same video."""
        earlier = self.posts.add(post)
        self.journal.write(
            {
                "event": "failed" if post.failed else "live",
                "time": iso(self.clock.now()),
                **post.to_json(),
                "same_video_posts": earlier,
            }
        )

    def take_down(self, post: Post) -> None:
        """Remove a post and journal it."""
        self.posts.remove(post)
        gone = {"platform": post.platform, "account": post.account, "id": post.id}
        self.journal.write({"event": "deleted", "time": iso(self.clock.now()), **gone})

    def is_audited(self, account: Account, app_is_audited: bool) -> bool:
        """Return whether the app counts as audited for this account."""
        return app_is_audited if account.options.audited is None else account.options.audited

    def reset(self) -> None:
        """Delete everything except the journal's file and numbering."""
        self.background.stop()
        with self.lock:
            self.end_calls()
            self._over = threading.Event()
            self._parts.clear()
            self.settings = Settings()
            self.accounts.clear()
            self.faults.clear()
            self.posts.clear()
            self.clock.reset()
            self.journal.clear()
            self._remove_uploads()

    def _remove_uploads(self) -> None:
        for path in self.upload_dir.glob("*.part"):
            path.unlink(missing_ok=True)

    def close(self) -> None:
        """Wake waiting calls and remove unfinished uploads."""
        self.end_calls()
        self.background.stop()
        self.journal.close()
        self._remove_uploads()


def current_world() -> World:
    """Return the world of the server that handles the current call."""
    return cast(World, current_app.extensions["sandbox"])
