"""The contract between the pipeline and a platform's handler.

The pipeline owns the row, the attempts and the clock; a handler owns one platform's protocol.
They exchange the frozen values of this module, so a test can drive a handler with nothing but
the sandbox behind it. The order of calls for one job:

    open → send → poll* → (publish → poll*) → recorded → follow_up*

`after_upload` is called after `send` and before every `poll`. After any failure or crash, the
next run of a job that has an `Upload` starts with these two, neither of which can publish.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, Protocol, TypeVar

from workers.platforms.budget import Budget, Unlimited
from workers.platforms.connecting import Connecting
from workers.platforms.counting import Counting, ReadContext
from workers.platforms.results import Incomplete, Processing, Published, Ready
from workers.platforms.sources import Source

UploadT = TypeVar("UploadT", bound="Upload")


@dataclass(frozen=True)
class Api:
    """A platform's hosts and our client credentials; fields a platform does not use stay empty.

    `fetches` is True if the platform may fetch videos by a signed link, where the store has
    public ones.
    """

    url: str
    oauth_url: str = ""
    version: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    #: Instagram Login is a separate client with its own token host.
    login_client_id: str = ""
    login_client_secret: str = field(default="", repr=False)
    login_token_url: str = ""
    poll_seconds: float = 15.0
    fetches: bool = True


@dataclass(frozen=True)
class Access:
    """One account's access token, valid when the run started."""

    token: str = field(repr=False)
    platform_user_id: str
    username: str = ""
    login_type: str = ""
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Tokens:
    """The result of a token request. `refresh_token` None: keep the old one. Times: aware UTC."""

    access_token: str = field(repr=False)
    expires_at: datetime | None
    refresh_token: str | None = field(default=None, repr=False)
    scopes: frozenset[str] | None = None


@dataclass(frozen=True)
class Draft:
    """The content to publish, composed and checked against the platform's rules.

    `text` is the whole caption including hashtags (YouTube: the description); `title` is empty
    except for YouTube. `privacy` is `public`, `private` or `unlisted`. `options` are the post's
    `platformOptions` by their names in our API. `marker` is unique to the job.
    """

    text: str
    privacy: str
    duration_seconds: float
    marker: str
    title: str = ""
    share_to_feed: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


class Journal(Protocol):
    """How a handler stores checkpoints and reports progress while it works."""

    def save(self, upload: Upload) -> None:
        """Store the upload durably. Call it before the next request that builds on it.

        Raises a control-flow exception, not a `PublishError`, if this run must stop; a handler
        does not catch it.
        """

    def commit_to_publish(self, upload: Upload) -> None:
        """Store the upload as `save` does; the last point at which a cancellation is honoured.

        Call it right before the request that may make the video public.
        """

    def report_sent(self, total_bytes: int) -> None:
        """Report how many bytes the platform should have by now. Cheap: call it per piece.

        Raises as `save` does if this run must stop.
        """

    def learn_limit(self, video_max_seconds: int) -> None:
        """Store the maximum video duration that the platform reports for this account."""


@dataclass(frozen=True)
class Context:
    """Everything a handler may use during one call for a job."""

    access: Access
    draft: Draft
    source: Source
    journal: Journal
    now: Callable[[], datetime]
    is_known_post: Callable[[str], bool]
    """Whether another job already owns a platform post id; such a post is never this job's."""
    cover: Callable[[int], bytes | None]
    """Returns the frame at a position in milliseconds as JPEG, None if there is none. Raises what
    reading the source raises."""
    budget: Budget = field(default_factory=Unlimited)


@dataclass(frozen=True)
class Upload:
    """The job's checkpoint: what the platform has given us so far. Secret: it holds upload URLs.

    Subclasses add JSON fields only: str, int, float, bool, None; times are epoch seconds.
    `file_version` names the file whose bytes the platform has; the pipeline sets it.
    """

    file_version: str = field(default="", kw_only=True)

    def dump(self) -> dict[str, Any]:
        """Return the fields as a JSON object, for the job's row."""
        return dataclasses.asdict(self)

    @classmethod
    def load(cls: type[UploadT], fields: Mapping[str, Any]) -> UploadT:
        """Return the upload that `dump` serialized; fields of a later version are ignored."""
        known = {one.name for one in dataclasses.fields(cls)}
        return cls(**{name: value for name, value in fields.items() if name in known})


class Handler(Connecting, Counting, Generic[UploadT]):
    """One platform's API. Holds no job state, never sleeps, never retries.

    Methods raise `PublishError`s of `workers.errors` and deliberately nothing else. Once the
    platform may have made the video public, `poll` never returns `Ready` or `Incomplete` and
    never raises `UploadGone`, unless a read proved that nothing was published.
    """

    upload_type: type[UploadT]

    def __init__(self, api: Api) -> None:
        self.api = api

    @abstractmethod
    def refresh(self, access: Access, refresh_token: str | None) -> Tokens:
        """Get a fresh access token. Raises `AccountRefused(reconnect=True)` if refused."""

    @abstractmethod
    def check_access(self, context: ReadContext) -> None:
        """Check with one cheap read that the platform still accepts the account's token.

        Also returns if the token's scopes do not allow that read. Raises any `PublishError`, and
        `AccountRefused` for what only the account's owner can fix.
        """

    @abstractmethod
    def open(self, context: Context) -> UploadT:
        """Open an upload. Publishes nothing, so a lost response does no harm."""

    @abstractmethod
    def send(self, context: Context, upload: UploadT) -> UploadT:
        """Send the bytes that the platform lacks, resuming at the offset it reports.

        Returns the upload to store. Safe to call again after a failure.
        """

    def after_upload(self, context: Context, upload: UploadT) -> None:
        """Complete the parts of a post other than the video, such as its cover. Idempotent.

        Called after `send` and before every `poll`; does nothing before the platform has the
        whole video, or after it has succeeded, which it stores through `context.journal`.
        Publishes nothing. A failure must not fail the post: it becomes one of the post's
        warnings. Only `TokenExpired` is raised, so that the call is repeated with a fresh token,
        and not again and again, as it would keep the upload from being polled.
        """

    @abstractmethod
    def poll(
        self, context: Context, upload: UploadT
    ) -> Incomplete | Processing | Ready | Published:
        """Ask the platform once for the state of the upload. Only reads."""

    def publish(self, context: Context, upload: UploadT) -> Published | Processing:
        """Make a `Ready` upload public. Never called where the platform publishes by itself."""
        raise NotImplementedError(f"{type(self).__name__} never returns Ready")

    def published_if_known(self, draft: Draft, upload: UploadT) -> Published | None:
        """Return the post that the checkpoint alone shows to be live; None if it does not.

        Sends no request. Called instead of failing a job that could not be followed any further,
        as its account is lost or the platform is silent; never once a read has shown that the
        upload failed.
        """
        return None

    @abstractmethod
    def follow_up(self, context: Context, upload: UploadT, post_id: str | None) -> Published:
        """Read a live post's id, link and state again. Only reads; never fails the job."""
