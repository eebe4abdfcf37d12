"""What went wrong, in the form that rows, timelines and the API keep. Pure vocabulary."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum


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
