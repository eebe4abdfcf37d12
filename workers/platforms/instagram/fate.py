"""What a read of a container means for the job: the one place that decides whether it is live.

A container that has reached `media_publish` may be published or dead; which of the account's
posts it became is only known from the list of posts, and only where exactly one fits.
https://developers.facebook.com/docs/instagram-platform/content-publishing
"""

from __future__ import annotations

import logging

from workers.errors import Ambiguous, PublishError, Transient, UploadGone
from workers.platforms.base import Context
from workers.platforms.instagram.client import Graph
from workers.platforms.instagram.codes import MISSING_OBJECT
from workers.platforms.instagram.containers import (
    EXPIRED,
    FINISHED,
    IN_PROGRESS,
    LIFE_SECONDS,
    PUBLISHED,
    Container,
    death_of,
)
from workers.platforms.instagram.listing import find_posts
from workers.platforms.instagram.posts import comments_warning, published
from workers.platforms.instagram.upload import InstagramUpload
from workers.platforms.pauses import pause_seconds
from workers.platforms.results import Incomplete, Processing, Published, Ready

logger = logging.getLogger(__name__)
#: A container just made may not be known everywhere at once.
#: https://github.com/gitroomhq/postiz-app/issues/1562
FRESH_SECONDS = 120
#: Our own deadline for processing; before `media_publish` another container does no harm.
PROCESSING_SECONDS = 30 * 60
POLL_MAX_SECONDS = 60.0
#: The interval once most of a call limit is used up.
POLL_BUSY_SECONDS = 120.0
Found = Incomplete | Processing | Ready | Published


class Judge:
    """Judges one job's container, by what was read and by what the upload remembers."""

    def __init__(
        self, graph: Graph, context: Context, upload: InstagramUpload, poll_seconds: float
    ) -> None:
        self._graph = graph
        self._context = context
        self._upload = upload
        self._poll_seconds = poll_seconds
        self._now = context.now().timestamp()

    def judge(self, container: Container | None) -> Found:
        """Return how the job stands; raises `UploadGone` only where nothing can be live."""
        if container is None:
            return self._unseen()
        if container.status_code == PUBLISHED:
            return self.live()
        if container.status_code == FINISHED:
            return self._finished()
        if container.is_dead:
            return self._dead(container)
        return self._at_work(container)

    def live(self) -> Published:
        """Return a post that is live, with its id where exactly one post fits."""
        try:
            found = self.listed()
        except PublishError as error:
            logger.info("the list of posts was not read: %s", error.code)
            found = None
        if found is not None:
            return found
        return Published(None, follow_up=True, warnings=comments_warning(self._context.draft))

    def listed(self) -> Published | None:
        """Look for the post in the account's list; None where none fits, or several do."""
        matches = self._matches()
        return matches[0] if len(matches) == 1 else None

    def _matches(self) -> list[Published]:
        warnings = comments_warning(self._context.draft)
        return [
            published(post.id, post.url, warnings=warnings)
            for post in find_posts(self._graph, self._context, self._upload)
        ]

    def _finished(self) -> Ready | Processing:
        """A publish whose answer was lost may still be under way, so wait before the next."""
        left = self._upload.settled_at - self._now
        return Processing(max(left, 1.0)) if left > 0 else Ready()

    def _at_work(self, container: Container) -> Incomplete | Processing | Published:
        upload = self._upload
        if upload.publishing_at is not None:
            if self._age() > LIFE_SECONDS:
                return self._listed_or_ambiguous()
            return self._ask_again()
        if container.status_code == IN_PROGRESS and lacks_bytes(
            upload, container, self._context.source.size_bytes
        ):
            return Incomplete(container.received_bytes or 0)
        if self._now - upload.moved_at > PROCESSING_SECONDS:
            raise UploadGone("processing_timeout", "Instagram did not finish the video in time")
        return self._ask_again()

    def _dead(self, container: Container) -> Published:
        """Raise its end, unless a post shows that it was published before.

        Whether PUBLISHED outlives a container's 24 hours is not documented, so that EXPIRED after
        a publish of unknown outcome proves nothing.
        """
        if self._upload.publishing_at is None:
            raise death_of(container)
        is_unsure = self._upload.may_be_live and container.status_code == EXPIRED
        matches = self._matches()
        if len(matches) == 1:
            return matches[0]
        if matches or is_unsure:
            raise _ambiguous()
        raise death_of(container)

    def _unseen(self) -> Processing | Published:
        if self._upload.publishing_at is None:
            if self._age() > FRESH_SECONDS:
                raise UploadGone(MISSING_OBJECT, "Instagram does not know the upload any more")
            return self._ask_again()
        if self._age() <= LIFE_SECONDS:
            raise Transient(MISSING_OBJECT, "Instagram does not show the upload at the moment")
        return self._listed_or_ambiguous()

    def _listed_or_ambiguous(self) -> Published:
        found = self.listed()
        if found is None:
            raise _ambiguous()
        return found

    def _ask_again(self) -> Processing:
        waited = self._now - self._upload.moved_at
        seconds = pause_seconds(self._poll_seconds, waited, longest_seconds=POLL_MAX_SECONDS)
        return Processing(max(seconds, POLL_BUSY_SECONDS) if self._graph.is_busy else seconds)

    def _age(self) -> float:
        return self._now - self._upload.created_at


def lacks_bytes(upload: InstagramUpload, container: Container, size_bytes: int) -> bool:
    """Tell whether the platform waits for bytes of ours. A confirmed upload never does."""
    if not upload.upload_url or upload.is_sent or container.has_all_bytes:
        return False
    return (container.received_bytes or 0) < size_bytes


def _ambiguous() -> Ambiguous:
    return Ambiguous(
        "publish_outcome_unknown",
        "Instagram cannot tell any more whether the post is live",
        hint="Look at the profile, then say whether the post is there",
    )
