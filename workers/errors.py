"""The errors of publishing.

PublishError
  Transient            network, platform   nothing was accepted; sending again is safe
  OutcomeUnknown       network, platform   it may have been accepted; read before sending again
  Unfinished           of the cause        a read has proven that the upload is incomplete
  UploadGone           platform            the upload is dead and published nothing; open another
  RateLimited          rate_limit          nothing was accepted; wait until the time it names
    NotAsked           rate_limit          nothing was sent: we know that there is no room
  TokenExpired         token               refresh the token and go on; if the platform refuses the
                                           new one as well, try again later
  AccountRefused       account             the owner must act: reconnect, lift a ban, grant a right
  VideoRefused         video               the platform will never take this file
  RequestRefused       request             the platform will never take this post
  Ambiguous            ambiguous           no read can tell whether it is live; a person must
  TranscodeFailed      internal            the transcode failed for a reason that may pass
  TranscodeRefused     internal            this deployment cannot transcode the file
  KeyMissing           internal            this process lacks the key that encrypted a secret

An error says what happened; `retry.py` decides what to do about it.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, TypeVar

from app.failures import Category, Failure

ErrorT = TypeVar("ErrorT", bound="PublishError")
#: The hint of every `KeyMissing`.
KEY_HINT = (
    "The operator of this service has to restore an encryption key; the post then goes on by "
    "itself, without using an attempt"
)


class PublishError(Exception):
    """Base of every expected failure. Anything else is a bug and is recorded as `internal`.

    `code` is stable, stored and returned by the API: the platform's own code where it gave one,
    otherwise ours. `detail` is one sentence for a person, without URLs, tokens or headers. `hint`
    says what the user can do about it, or is empty.
    """

    category: ClassVar[Category] = Category.INTERNAL

    def __init__(self, code: str, detail: str = "", *, hint: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail or code
        self.hint = hint
        #: True once the platform has said that this upload failed and published nothing, so that
        #: a manual retry may open another. Handlers set it through `for_dead_upload`.
        self.upload_is_dead = False
        #: True once the platform has shown that no publish of this upload had an effect. Then the
        #: attempt has failed, and the next one publishes the same upload again. The job stays
        #: committed all the same, and its hint says so: no other upload may be opened. Handlers set
        #: it through `for_unpublished`.
        self.is_unpublished = False
        #: The platform's `Retry-After` for a failure, as a time (aware UTC); None: it sent none.
        self.not_before: datetime | None = None

    def as_failure(self) -> Failure:
        """Return the error as rows store it."""
        return Failure(self.code, self.category, self.detail, self.hint)

    def for_dead_upload(self: ErrorT) -> ErrorT:
        """Mark the error as proof that its upload is dead, and return it."""
        self.upload_is_dead = True
        return self

    def for_unpublished(self: ErrorT) -> ErrorT:
        """Mark the error as proof that its upload, which remains, is not live, and return it."""
        self.is_unpublished = True
        return self


class Transient(PublishError):
    """Raised when nothing was accepted and sending again is safe."""

    category = Category.PLATFORM


class NetworkFailure(Transient):
    """Raised when no response came and repeating the request is harmless."""

    category = Category.NETWORK


class OutcomeUnknown(PublishError):
    """Raised when the platform may have acted: the next request must be a read."""

    category = Category.PLATFORM


class ResponseLost(OutcomeUnknown):
    """Raised when the connection broke after a request that may have acted."""

    category = Category.NETWORK


class Unfinished(PublishError):
    """Raised when a read has proven that the upload lacks bytes, so nothing is live.

    Carries the code, detail and category of the failure that broke off the sending.
    """

    def __init__(self, code: str, detail: str, *, hint: str, category: Category) -> None:
        super().__init__(code, detail, hint=hint)
        self.category = category  # type: ignore[misc]


class UploadGone(PublishError):
    """Raised when the upload cannot be completed and has published nothing.

    Another upload may be opened.
    """

    category = Category.PLATFORM


class RateLimited(PublishError):
    """Raised when the platform asks to wait. Uses no attempt.

    `retry_at` is when to try again (aware UTC). `application_wide` is True where the limit is the
    whole application's, not this account's; `blocks_reads` where it is on calls of any kind, so
    that polling has to wait as well.
    """

    category = Category.RATE_LIMIT

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        retry_at: datetime,
        application_wide: bool = False,
        blocks_reads: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(code, detail, hint=hint)
        self.retry_at = retry_at
        self.application_wide = application_wide
        self.blocks_reads = blocks_reads


class NotAsked(RateLimited):
    """Raised instead of a call for which our own count, or what was said before, leaves no room."""


class TokenExpired(PublishError):
    """Raised when the platform refuses the access token and a refresh may cure it."""

    category = Category.TOKEN


class AccountRefused(PublishError):
    """Raised when only the account's owner can help.

    `reconnect` is True where the tokens are worthless and the account must be connected again.
    `pause_seconds` is how long to hold back the account's other posts.
    """

    category = Category.ACCOUNT

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        hint: str = "",
        reconnect: bool = False,
        pause_seconds: int = 0,
    ) -> None:
        super().__init__(code, detail, hint=hint)
        self.reconnect = reconnect
        self.pause_seconds = pause_seconds


class VideoRefused(PublishError):
    """Raised when the file is missing, broken or outside what the platform accepts."""

    category = Category.VIDEO


class RequestRefused(PublishError):
    """Raised when the platform will never take this post, or our configuration is wrong.

    `application_wide` is True where it refuses this service's client, whatever the post.
    """

    category = Category.REQUEST

    def __init__(
        self, code: str, detail: str = "", *, hint: str = "", application_wide: bool = False
    ) -> None:
        super().__init__(code, detail, hint=hint)
        self.application_wide = application_wide


class Ambiguous(PublishError):
    """Raised when the post may be live and no read of the platform can tell."""

    category = Category.AMBIGUOUS


class TranscodeFailed(Transient):
    """Raised when a transcode failed and may succeed the next time."""

    category = Category.INTERNAL


class TranscodeRefused(PublishError):
    """Raised when no transcode can succeed until the operator has changed something."""

    category = Category.INTERNAL


class KeyMissing(PublishError):
    """Raised when no key of this process decrypts what the run needs.

    A fault of the settings, not of the post, and often short: during a key rotation, another
    process may already encrypt with the new key.
    """

    category = Category.INTERNAL
