"""What went wrong, in the form that rows, timelines and the API keep. Pure vocabulary."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum

#: How much of a failure is stored: what is longer is cut. The platforms give codes of any length.
CODE_MAX_CHARS = 100
MESSAGE_MAX_CHARS = 1000
HINT_MAX_CHARS = 500


class Category(str, Enum):
    """The error categories of the contract; stable, stored and returned by the API."""

    NETWORK = "network"
    PLATFORM = "platform"
    RATE_LIMIT = "rate_limit"
    TOKEN = "token"
    ACCOUNT = "account"
    VIDEO = "video"
    REQUEST = "request"
    AMBIGUOUS = "ambiguous"
    INTERNAL = "internal"


@dataclass(frozen=True)
class Failure:
    """One error. `hint` says what the user can do about it, or is empty."""

    code: str
    category: Category
    message: str
    hint: str = ""

    def for_maybe_live(self) -> Failure:
        """Return the failure of a job whose post may be live, so that nobody publishes it again."""
        hints = (self.hint, "Do not publish it again: a retry checks first whether it is live")
        return replace(
            self,
            message=f"{self.message.rstrip('. ')}; the post may be live already",
            hint=". ".join(hint for hint in hints if hint),
        )
