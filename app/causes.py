"""Says in one line why a server did not do something, for logs and the doctor.

Wrong passwords, full plans and untrusted certificates raise the same classes, so the line has the
server's words as well. Passwords and queries, which may hold signatures, are masked in it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import parse_qsl, unquote

from redis.exceptions import RedisError
from sqlalchemy.exc import DataError, DBAPIError, SQLAlchemyError, StatementError

MASK = "***"
LINE_MAX = 300
#: SQLAlchemy's link to its own manual, which ends its messages.
_MANUAL = "(Background on this error at:"
_UNTRUSTED = "certificate verify failed"
_CREDENTIALS = re.compile(r"(://[^\s:/@]*:)[^\s@]+@")
_QUERY = re.compile(r"(/[^\s\"'?]*\?)[^\s\"']+")
#: A mistyped URL's password is cut at these, and a piece of it passes for the host.
_CUTS = re.compile(r"[@/:#?\[\]]")
_PIECE_MIN = 4
_SECRET_OPTIONS = frozenset({"password", "sslpassword", "ssl_password"})
#: The passwords of this process's URLs.
_secrets: set[str] = set()


def mask_passwords_of(*urls: str) -> None:
    """Mask these URLs' passwords from now on, in all of this process's lines."""
    for url in urls:
        for secret in _passwords(url):
            _secrets.update({secret, unquote(secret)})
            pieces = _CUTS.split(secret) + _CUTS.split(unquote(secret))
            _secrets.update(piece for piece in pieces if len(piece) >= _PIECE_MIN)


def masked(text: str) -> str:
    """Return a text without the passwords and the URLs' credentials and queries in it."""
    text = _QUERY.sub(r"\1…", _CREDENTIALS.sub(rf"\1{MASK}@", text))
    for secret in sorted(_secrets, key=len, reverse=True):
        text = text.replace(secret, MASK)
    return text


def why(error: BaseException) -> str:
    """Return an error's class and the first line of its message, masked: `Class: message`.

    The class alone where the message may quote a statement's values.
    """
    name = type(error).__name__
    message = masked(_message(error))
    if not message:
        return name
    line = message if len(message) <= LINE_MAX else f"{message[:LINE_MAX]}…"
    if isinstance(error, RedisError) and _UNTRUSTED in message:
        line += "; REDIS_TLS_VERIFY=false accepts a certificate that nobody vouches for"
    return f"{name}: {line}"


def last_line(traceback: str) -> str:
    """Return the line of a formatted traceback that names its exception, masked.

    The text's very last line may be a link to a manual, or a part of a message.
    """
    _, _, block = traceback.rpartition("Traceback (most recent call last):\n")
    lines = (line for line in block.splitlines() if line.strip() and not line.startswith(" "))
    return masked(next(lines, "").partition(_MANUAL)[0].strip())[:LINE_MAX]


def _message(error: BaseException) -> str:
    if isinstance(error, StatementError) and not isinstance(error, DBAPIError):
        return ""  # a value that Python could not convert
    if isinstance(error, DataError):
        return ""  # a value that the database refused
    original = error.orig if isinstance(error, DBAPIError) else error
    text = str(original)
    if isinstance(error, SQLAlchemyError):
        text = text.partition(_MANUAL)[0]
    return text.strip().partition("\n")[0].strip()


def _passwords(url: str) -> Iterator[str]:
    head, _, query = url.partition("?")
    # A password may hold a question mark, though it should be written as %3F.
    user_info = (head if "@" in head else url).partition("://")[2].rpartition("@")[0]
    if password := user_info.partition(":")[2]:
        yield password
    for name, value in parse_qsl(query):
        if name in _SECRET_OPTIONS:
            yield value
