"""What can go wrong while publishing.

PublishError
  Transient            network, platform   nothing was accepted; sending again is safe
  OutcomeUnknown       network, platform   it may have been accepted; read before sending again
  Unfinished           as it was           what failed was the sending, as a read has proven
  UploadGone           platform            the upload is dead and published nothing; open another
  RateLimited          rate_limit          nothing was accepted; not before the time it names
  TokenExpired         token               refresh the token, then try again, once
  AccountRefused       account             the owner must act: connect again, lift a ban, permit
  VideoRefused         video               the platform will never take this file
  RequestRefused       request             the platform will never take this post
  Ambiguous            ambiguous           no read can tell whether it is live; a person must
  TranscodeFailed      internal            the file was not made for reasons that may pass
  TranscodeRefused     internal            the file cannot be made here as the service is set up
  KeyMissing           internal            a secret is stored by a key this process does not have

An error says what happened; `retry.py` decides what to do about it.
"""

from __future__ import annotations

from datetime import datetime
from typing import ClassVar, TypeVar

from app.failures import Category

ErrorT = TypeVar("ErrorT", bound="PublishError")
#: What an operator can do about a `KeyMissing`.
KEY_HINT = (
    "The operator has to put the key back into TOKEN_ENCRYPTION_KEYS; the post then goes on by "
    "itself, without using an attempt"
)


class PublishError(Exception):
    """Base of every failure we expect. Anything else is a bug and is recorded as `internal`.

    `code` is stable: it is stored and returned by the API; where the platform gave a code it
    is that one, otherwise ours. `detail` is one sentence for a person, without URLs, tokens or
    headers. `hint` says what the user can do about it, or is empty.
    """

    category: ClassVar[Category] = Category.INTERNAL

    def __init__(self, code: str, detail: str = "", *, hint: str = "") -> None:
        super().__init__(f"{code}: {detail}" if detail else code)
        self.code = code
        self.detail = detail or code
        self.hint = hint
        #: The platform said that this very upload has failed and published nothing, so that a
        #: person's retry may open another. Set by handlers, with `for_dead_upload`.
        self.upload_is_dead = False
        #: Before when the platform does not want to be asked again, where it said so of a failure
        #: (aware UTC).
        self.not_before: datetime | None = None

    def for_dead_upload(self: ErrorT) -> ErrorT:
        """Return this error, marked as the proven end of its upload."""
        self.upload_is_dead = True
        return self


class Transient(PublishError):
    """Raised when nothing was accepted and sending again is safe."""

    category = Category.PLATFORM


class NetworkFailure(Transient):
    """Raised when no answer came and the request, sent again, can do no harm."""

    category = Category.NETWORK


class OutcomeUnknown(PublishError):
    """Raised when the platform may have acted: the next thing done must be a read."""

    category = Category.PLATFORM


class AnswerLost(OutcomeUnknown):
    """Raised when the connection broke after a request that may have acted."""

    category = Category.NETWORK


class Unfinished(PublishError):
    """Raised when a read has proven that the upload whose sending failed lacks bytes, so that
    nothing is live. Tells of that failure, with its own category."""

    def __init__(self, code: str, detail: str, *, hint: str, category: Category) -> None:
        super().__init__(code, detail, hint=hint)
        self.category = category  # type: ignore[misc]


class UploadGone(PublishError):
    """Raised when nobody can complete the upload any more and it has published nothing.

    Another upload may then be opened.
    """

    category = Category.PLATFORM


class RateLimited(PublishError):
    """Raised when the platform asks to wait. Uses no attempt.

    `retry_at` is when to try again (aware UTC). `everyone` is True where the limit is the whole
    application's, not this account's; `calls` where it is one on calls of any kind, so that even
    asking about posts has to wait.
    """

    category = Category.RATE_LIMIT

    def __init__(
        self,
        code: str,
        detail: str = "",
        *,
        retry_at: datetime,
        everyone: bool = False,
        calls: bool = False,
        hint: str = "",
    ) -> None:
        super().__init__(code, detail, hint=hint)
        self.retry_at = retry_at
        self.everyone = everyone
        self.calls = calls


class TokenExpired(PublishError):
    """Raised when the platform refuses the access token and a refresh may cure it."""

    category = Category.TOKEN


class AccountRefused(PublishError):
    """Raised when only the account's owner can help.

    `reconnect` is True where the tokens are worthless and the account must be connected again.
    `pause_seconds` is for how long the account's other posts had better not be tried either.
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
    """Raised when the file is missing, broken or outside what the platform takes."""

    category = Category.VIDEO


class RequestRefused(PublishError):
    """Raised when the platform will never take this post, or our configuration is wrong.

    `everyone` is True where it refuses this service itself, whoever the post is of.
    """

    category = Category.REQUEST

    def __init__(
        self, code: str, detail: str = "", *, hint: str = "", everyone: bool = False
    ) -> None:
        super().__init__(code, detail, hint=hint)
        self.everyone = everyone


class Ambiguous(PublishError):
    """Raised when the post may be live and no read of the platform can tell."""

    category = Category.AMBIGUOUS


class TranscodeFailed(Transient):
    """Raised when this service has not made the file, and may succeed the next time."""

    category = Category.INTERNAL


class TranscodeRefused(PublishError):
    """Raised when this service cannot make the file before its operator has changed something."""

    category = Category.INTERNAL


class KeyMissing(PublishError):
    """Raised when no key of this process decrypts what is needed to go on.

    The fault of the settings, not of the post, and often soon over: while keys are changed, a
    process that is already on the new one may have written it. Without it nothing is done.
    """

    category = Category.INTERNAL
