"""What went wrong, in the form that rows, timelines and the API keep. Pure vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
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
