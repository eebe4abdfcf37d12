"""Finding a post among the account's media: a container never tells which post it became.

https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-container
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from workers.errors import Ambiguous
from workers.platforms.base import Context
from workers.platforms.fields import Fields, child, children, text
from workers.platforms.instagram.client import Graph
from workers.platforms.instagram.fields import identifier, moment
from workers.platforms.instagram.upload import InstagramUpload

#: How far the platform's clock may be behind ours.
CLOCK_SLACK_SECONDS = 120
PAGE_POSTS = 100
PAGES_MAX = 10
_FIELDS = "id,caption,permalink,timestamp,media_product_type"
_REEL = "REELS"


@dataclass(frozen=True)
class Post:
    """One live post; `url` None where the platform does not say."""

    id: str
    url: str | None


def find_posts(graph: Graph, context: Context, upload: InstagramUpload) -> list[Post]:
    """Return the reels that may be this upload's: made since it was to be published, with the
    same caption, and not owned by another job.

    Raises `Ambiguous` where there are too many posts to tell.
    """
    earliest = (upload.publishing_at or upload.created_at) - CLOCK_SLACK_SECONDS
    posts = []
    for fields in _media(graph, context.access.platform_user_id, int(earliest)):
        made_at = moment(fields, "timestamp")
        post_id = identifier(fields, "id")
        if post_id is None or made_at is None or made_at.timestamp() < earliest:
            continue
        if not _is_alike(fields, upload.caption) or context.is_known_post(post_id):
            continue
        posts.append(Post(post_id, link_of(fields)))
    return posts


def link_of(fields: Fields) -> str | None:
    """Return a post's public link, if the platform gave one."""
    permalink = text(fields, "permalink")
    return permalink if permalink.startswith(("https://", "http://")) else None


def _is_alike(fields: Fields, caption: str) -> bool:
    # A post without a caption has no such field.
    is_reel = text(fields, "media_product_type") == _REEL
    return is_reel and _words(text(fields, "caption")) == _words(caption)


def _words(caption: str) -> list[str]:
    """Return what of a caption is sure to be kept: blanks may be trimmed, accents composed."""
    return unicodedata.normalize("NFC", caption).split()


def _media(graph: Graph, user_id: str, since: int) -> Iterator[Fields]:
    after = ""
    for _ in range(PAGES_MAX):
        cursor = {"after": after} if after else {}
        page = graph.get(
            f"{user_id}/media", fields=_FIELDS, since=since, limit=PAGE_POSTS, **cursor
        )
        yield from children(page, "data")
        paging = child(page, "paging")
        after = text(child(paging, "cursors"), "after")
        if not after or not text(paging, "next"):
            return
    raise Ambiguous("too_many_posts", "the account has too many posts to find this one among them")
