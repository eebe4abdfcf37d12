"""The `Context` of a handler's call, built from the rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NoReturn, Protocol

from app.captions import compose
from app.clock import utcnow
from app.models import PublishJob, Video
from app.platforms import PLATFORMS
from app.publishing.claims import Claim
from app.queries.posts import is_known_post
from app.storage import current_storage
from workers.platforms.base import Access, Context, Draft, Journal, Upload
from workers.platforms.budget import Budget
from workers.publishing.source import SourceFile, StoreSource, cover_of

#: For a handler that breaks the rule: a bug.
_READ_ONLY = "a read-only call saves nothing"


class Content(Protocol):
    """The post's content, which a claim and a job's row both have."""

    @property
    def platform(self) -> str: ...

    @property
    def caption(self) -> str: ...

    @property
    def hashtags(self) -> Sequence[str]: ...

    @property
    def privacy_level(self) -> str: ...

    @property
    def share_to_feed(self) -> bool: ...

    @property
    def platform_options(self) -> Mapping[str, Any]: ...


def working_context(
    claim: Claim, file: SourceFile, access: Access, journal: Journal, budget: Budget
) -> Context:
    """Return the context of a run that holds the job."""
    return _context(claim, claim.job_id, file, access, journal, budget)


def reading_context(job: PublishJob, video: Video, access: Access, budget: Budget) -> Context:
    """Return the context of a read of a live post, in which nothing can be saved."""
    return _context(job, job.id, SourceFile.of(video), access, _NoJournal(), budget)


def draft_of(content: Content, job_id: str, file: SourceFile) -> Draft:
    """Return a post's content as its handler publishes it."""
    composed = compose(
        content.platform, content.caption, content.hashtags, content.platform_options
    )
    return Draft(
        text=composed.text,
        title=composed.title,
        privacy=content.privacy_level,
        duration_seconds=file.duration_seconds,
        marker=job_id,
        share_to_feed=content.share_to_feed,
        options=PLATFORMS[content.platform].native_options(content.platform_options),
    )


def _context(
    content: Content,
    job_id: str,
    file: SourceFile,
    access: Access,
    journal: Journal,
    budget: Budget,
) -> Context:
    return Context(
        access=access,
        draft=draft_of(content, job_id, file),
        source=StoreSource(current_storage(), file),
        journal=journal,
        now=utcnow,
        is_known_post=is_known_post(content.platform, job_id),
        cover=partial(cover_of, current_storage(), file),
        budget=budget,
    )


class _NoJournal:
    """The journal of a read-only call, which must not save anything."""

    def save(self, upload: Upload) -> NoReturn:
        raise AssertionError(_READ_ONLY)

    def commit_to_publish(self, upload: Upload) -> NoReturn:
        raise AssertionError(_READ_ONLY)

    def learn_limit(self, video_max_seconds: int) -> NoReturn:
        raise AssertionError(_READ_ONLY)

    def report_sent(self, total_bytes: int) -> NoReturn:
        raise AssertionError(_READ_ONLY)
