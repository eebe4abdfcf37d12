"""Search for an Instagram post among the account's media: containers never name their post.

https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-container
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from workers.errors import Ambiguous
from workers.platforms.base import Context
from workers.platforms.fields import Fields, children, text
from workers.platforms.instagram.client import Client
from workers.platforms.instagram.fields import identifier, moment, next_cursor
from workers.platforms.instagram.upload import InstagramUpload

#: The tolerated lag of the platform's clock behind ours.
CLOCK_SKEW_SECONDS = 120
PAGE_POSTS = 100
PAGES_MAX = 10
_FIELDS = "id,caption,permalink,timestamp,media_product_type"
_REEL = "REELS"


@dataclass(frozen=True)
class Post:
    """A live post; `url` is None if the platform does not provide it."""

    id: str
    url: str | None


def find_posts(client: Client, context: Context, upload: InstagramUpload) -> list[Post]:
    """Return the Reels that may be this upload's.

    They were created after the publish was about to start, have the same caption, and belong to
    no other job. Raises `Ambiguous` if there are too many posts to search.
    """
    earliest = (upload.publishing_at or upload.created_at) - CLOCK_SKEW_SECONDS
    posts = []
    for fields in _media(client, context.access.platform_user_id, int(earliest)):
        made_at = moment(fields, "timestamp")
        post_id = identifier(fields, "id")
        if post_id is None or made_at is None or made_at.timestamp() < earliest:
            continue
        if not _matches(fields, upload.caption) or context.is_known_post(post_id):
            continue
        posts.append(Post(post_id, post_url(fields)))
    return posts


def post_url(fields: Fields) -> str | None:
    """Return a post's public link, if the platform provided one."""
    permalink = text(fields, "permalink")
    return permalink if permalink.startswith(("https://", "http://")) else None


def _matches(fields: Fields, caption: str) -> bool:
    # A post without a caption has no such field.
    is_reel = text(fields, "media_product_type") == _REEL
    return is_reel and _words(text(fields, "caption")) == _words(caption)


def _words(caption: str) -> list[str]:
    """Return what survives of a caption: whitespace may be trimmed, accents composed."""
    return unicodedata.normalize("NFC", caption).split()


def _media(client: Client, user_id: str, since: int) -> Iterator[Fields]:
    after = ""
    for _ in range(PAGES_MAX):
        cursor = {"after": after} if after else {}
        page = client.get(
            f"{user_id}/media", fields=_FIELDS, since=since, limit=PAGE_POSTS, **cursor
        )
        yield from children(page, "data")
        after = next_cursor(page)
        if not after:
            return
    raise Ambiguous("too_many_posts", "the account has too many posts to find this one among them")
