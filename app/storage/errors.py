"""Errors of the video store.

StorageError
  InvalidKey        no store accepts this key
  InvalidLink       the signed link is forged, made for another purpose, or expired
  WrongLength       the body is longer or shorter than declared
  ObjectMissing     there is no such object
  UploadTaken       the upload of the object is complete
  ObjectChanged     the object is not the version that was inspected
  StoreUnavailable  no response, or an unusable one; a retry may help

Messages are sentences for a person and hold no URL, secret or path of this machine.
"""

from __future__ import annotations


class StorageError(Exception):
    """Base of every expected failure of the store."""


class InvalidKey(StorageError):
    """Raised for a key that could escape the store or that no store can hold."""


class InvalidLink(StorageError):
    """Raised for a signed link that this service did not issue, or that has expired."""


class WrongLength(StorageError):
    """Raised when a body does not have the declared length."""


class ObjectMissing(StorageError):
    """Raised when the store has no such object."""


class UploadTaken(StorageError):
    """Raised when an upload is not awaited any more: the object is there."""


class ObjectChanged(StorageError):
    """Raised when the object was replaced or truncated since it was inspected."""


class StoreUnavailable(StorageError):
    """Raised when the store is unreachable, breaks off, denies access or returns nonsense."""
