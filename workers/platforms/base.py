"""The contract between the pipeline and a platform's handler.

The pipeline owns the row, the attempts and the clock; a handler owns one platform's protocol.
In between stand the frozen values of this file, so that a handler can be driven by a test with
nothing but the sandbox behind it. The order of calls for one job:

    open → send → (after_upload → poll)* → publish → poll* → recorded → follow_up*

`publish` is called only if `poll` returned `Ready`. After any failure or crash, the next run of
a job that has an `Upload` starts with `after_upload` and `poll`, neither of which can publish.
"""

from __future__ import annotations

import dataclasses
from abc import abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, ClassVar, Protocol, TypeVar

from workers.platforms.budget import Budget, Unlimited
from workers.platforms.connecting import Connecting
from workers.platforms.counting import Counting, Reader
from workers.platforms.results import Incomplete, Processing, Published, Ready

UploadT = TypeVar("UploadT", bound="Upload")


@dataclass(frozen=True)
class Api:
    """Where a platform's API lives and who we are to it; what a platform lacks stays empty.

    `fetches`: whether it may fetch videos by a signed link, where the store has public ones.
    """

    url: str
    oauth_url: str = ""
    version: str = ""
    client_id: str = ""
    client_secret: str = field(default="", repr=False)
    #: of Instagram Login, which is another client with a token host of its own
    login_client_id: str = ""
    login_client_secret: str = field(default="", repr=False)
    login_token_url: str = ""
    poll_seconds: float = 15.0
    fetches: bool = True


@dataclass(frozen=True)
class Access:
    """One account's key to the platform, valid when the run began."""

    token: str = field(repr=False)
    platform_user_id: str
    username: str = ""
    login_type: str = ""
    scopes: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Tokens:
    """What an OAuth refresh gave. `refresh_token` None: keep the old one. Times aware UTC."""

    access_token: str = field(repr=False)
    expires_at: datetime | None
    refresh_token: str | None = field(default=None, repr=False)
    scopes: frozenset[str] | None = None


@dataclass(frozen=True)
class Draft:
    """What to publish, composed and checked against the platform's rules.

    `text` is the whole caption with its hashtags (YouTube: the description); `title` is empty
    but for YouTube. `privacy` is `public`, `private` or `unlisted`. `options` are the post's
    `platformOptions` by their names in the API. `marker` is unique to the job.
    """

    text: str
    privacy: str
    duration_seconds: float
    marker: str
    title: str = ""
    share_to_feed: bool = True
    options: Mapping[str, Any] = field(default_factory=dict)


class Stream(Protocol):
    """One open range of a video's bytes."""

    def read(self, size: int, /) -> bytes | memoryview:
        """Return up to `size` bytes, empty only at the range's end; raises `Transient` when the
        store breaks off and `VideoRefused` when the object is gone or has changed."""

    def is_ready(self, seconds: float) -> bool:
        """Wait that long at most, and say whether it is of use to read now."""

    def close(self) -> None:
        """Let the store's connection go."""


class Source(Protocol):
    """A video in the store, read by range; never whole in memory."""

    @property
    def size_bytes(self) -> int:
        """The object's whole length."""

    @property
    def content_type(self) -> str:
        """`video/mp4`, `video/quicktime` or `video/webm`, by what the file is."""

    @property
    def filename(self) -> str:
        """A name for platforms that keep one."""

    @property
    def public_url(self) -> str | None:
        """A signed https link a platform can fetch by itself; None where the store has none."""

    def open(self, first: int, length: int) -> Stream:
        """Open `length` bytes from offset `first`."""


class Journal(Protocol):
    """How a handler writes down what the platform has given, while it works."""

    def save(self, upload: Upload) -> None:
        """Store the upload durably. Call it before the next request that builds on it.

        Raises a control-flow exception, not a `PublishError`, when this run may not go on;
        a handler lets it pass.
        """

    def commit_to_publish(self, upload: Upload) -> None:
        """As `save`, and the last point at which a cancellation is honoured.

        Call it right before the request by which the platform may make the video public.
        """

    def sent(self, total_bytes: int) -> None:
        """Report how many bytes the platform should have by now. Cheap: call it per piece.

        Raises as `save` when this run may not go on.
        """

    def learn_limit(self, video_max_seconds: int) -> None:
        """Keep how long a video this account may post, as the platform has just said."""


@dataclass(frozen=True)
class Context:
    """All a handler's call may use."""

    access: Access
    draft: Draft
    source: Source
    journal: Journal
    now: Callable[[], datetime]
    is_known_post: Callable[[str], bool]
    """Whether another job already owns this platform post id: such a post is never ours."""
    cover: Callable[[int], bytes | None]
    """Returns the picture at a millisecond as JPEG, or None where there is none. Raises what
    reading the source does."""
    budget: Budget = field(default_factory=Unlimited)


@dataclass(frozen=True)
class Upload:
    """What the platform has given us so far: the job's checkpoint. Secret (it holds upload links).

    Subclasses add plain JSON fields only: str, int, float, bool, None; times as epoch seconds.
    """

    def dump(self) -> dict[str, Any]:
        """Return the fields as a JSON object, for the row."""
        return dataclasses.asdict(self)

    @classmethod
    def load(cls: type[UploadT], fields: Mapping[str, Any]) -> UploadT:
        """Return the upload that `dump` wrote."""
        return cls(**fields)


class Handler(Connecting, Counting):
    """Speaks one platform's API. Holds no state of a job, never sleeps, never retries.

    Every method may raise any `PublishError` of `workers.errors` and nothing else on purpose.
    Once the platform may have made the video public, `poll` never answers `Ready` or
    `Incomplete` and never raises `UploadGone`, unless a read proved that it did not.
    """

    upload_type: ClassVar[type[Upload]]

    def __init__(self, api: Api) -> None:
        self.api = api

    @abstractmethod
    def refresh(self, access: Access, refresh_token: str | None) -> Tokens:
        """Get a fresh access token. A refused one raises `AccountRefused(reconnect=True)`."""

    @abstractmethod
    def check_access(self, reader: Reader) -> None:
        """Ask with one cheap read whether the platform still takes the account's token.

        Returns where it does, or where this token may not read what would tell. Raises any
        `PublishError`, and `AccountRefused` for what only the account's owner can mend.
        """

    @abstractmethod
    def open(self, context: Context) -> Upload:
        """Ask for an upload. Publishes nothing, so a lost answer costs nothing."""

    @abstractmethod
    def send(self, context: Context, upload: Upload) -> Upload:
        """Send the bytes that the platform does not have yet, from where a read says it is.

        Return the upload to store. Called again after a failure.
        """

    def after_upload(self, context: Context, upload: Upload) -> None:
        """Finish what belongs to a post besides its bytes, such as its cover. Idempotent.

        Called after `send` and before every `poll`; does nothing before the platform has the
        whole video, and nothing once it is done, which it stores through `context.journal`.
        Publishes nothing. A failure must not fail the post: it becomes one of the post's
        warnings. Only `TokenExpired` is raised, so that the call is repeated with a fresh token.
        """

    @abstractmethod
    def poll(self, context: Context, upload: Upload) -> Incomplete | Processing | Ready | Published:
        """Ask once how the upload is doing. Only reads."""

    def publish(self, context: Context, upload: Upload) -> Published | Processing:
        """Make a `Ready` upload public. Not called where the platform does it by itself."""
        raise NotImplementedError(f"{type(self).__name__} never answers Ready")

    @abstractmethod
    def follow_up(self, context: Context, upload: Upload, post_id: str | None) -> Published:
        """Read a live post's id, link and fate once more. Only reads; never fails the job."""
