"""Cursor paging, as every list of the Graph API has it."""

from typing import Any, NamedTuple

from flask import request

from sandbox.core.errors import Refusal

MAX_PAGE = 100
DEFAULT_PAGE = 25


class Cursor(NamedTuple):
    """Where a page starts, and how many entries it may have."""

    start: int
    limit: int

    def paging(self, *, has_more: bool) -> dict[str, Any]:
        """Return the `paging` member of the response; `next` only before the last page."""
        after = self.start + self.limit
        paging: dict[str, Any] = {"cursors": {"before": str(self.start), "after": str(after)}}
        if has_more:
            paging["next"] = f"{request.base_url}?after={after}&limit={self.limit}"
        return paging


def read_cursor() -> Cursor:
    """Return the page that the request asks for; refuses a bad `limit` or `after`."""
    limit = _number("limit", DEFAULT_PAGE)
    start = _number("after", 0)
    if not 1 <= limit <= MAX_PAGE:
        raise Refusal("100", "(#100) limit must be 1 to 100")
    return Cursor(start, limit)


def _number(name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    if not text.isdecimal():
        raise Refusal("100", f"(#100) {name} must be a number")
    return int(text)
