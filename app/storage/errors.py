"""What can go wrong with the video store.

StorageError
  InvalidKey        the key is not one that any store takes
  InvalidLink       the signed link is forged, for something else, or has expired
  WrongLength       a body is longer or shorter than was declared
  ObjectMissing     there is no such object
  ObjectChanged     the object is no longer the one that was looked at
  StoreUnavailable  the store gave no answer, or one that cannot be used; asking again may help

Messages are sentences for a person, without URLs, secrets or paths of this machine.
"""

from __future__ import annotations

from typing import ClassVar


class StorageError(Exception):
    """Base of every expected failure of the store. `code` is stable."""

    code: ClassVar[str] = "storage"


class InvalidKey(StorageError):
    """Raised for a key that could leave the store or that no store can hold."""

    code = "invalid_key"


class InvalidLink(StorageError):
    """Raised for a signed link that this service did not make, or that is past its time."""

    code = "invalid_link"


class WrongLength(StorageError):
    """Raised when a body that is written has not the length that was declared."""

    code = "wrong_length"


class ObjectMissing(StorageError):
    """Raised when the store has no such object."""

    code = "video_missing"


class ObjectChanged(StorageError):
    """Raised when the object was replaced or cut since it was looked at."""

    code = "video_changed"


class StoreUnavailable(StorageError):
    """Raised when the store cannot be reached, breaks off, refuses us or answers nonsense."""

    code = "store_unavailable"
