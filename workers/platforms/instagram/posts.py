"""A live Instagram post: its link, and what can only be set once it is live.

https://developers.facebook.com/docs/instagram-platform/reference/instagram-media
"""

from __future__ import annotations

import logging

from workers.errors import PublishError
from workers.platforms.base import Context, Draft
from workers.platforms.fields import text
from workers.platforms.instagram.client import Client
from workers.platforms.instagram.listing import post_url
from workers.platforms.results import Published

logger = logging.getLogger(__name__)
REEL_LINK = "https://www.instagram.com/reel/{shortcode}/"
_FIELDS = "id,permalink,shortcode,timestamp,media_product_type,caption"
_OPTION = "commentEnabled"


def published(media_id: str, url: str | None, *, warnings: tuple[str, ...] = ()) -> Published:
    """Return a live post; without a link it is followed up."""
    return Published(media_id, url, follow_up=url is None, warnings=warnings)


def read_post(client: Client, media_id: str, *, warnings: tuple[str, ...] = ()) -> Published:
    """Read a live post's link. Never fails: a new post may not be readable yet."""
    return published(media_id, _read_url(client, media_id), warnings=warnings)


def set_comments(client: Client, context: Context, media_id: str) -> tuple[str, ...]:
    """Turn comments on or off as chosen; return warnings. Never fails, as the post is live."""
    wanted = context.draft.options.get(_OPTION)
    if wanted is None:
        return ()
    try:
        client.post(media_id, {"comment_enabled": "true" if wanted else "false"})
    except PublishError as error:
        logger.info("comments not set: %s", error.code)
        return comments_warning(context.draft)
    return ()


def comments_warning(draft: Draft) -> tuple[str, ...]:
    """Return the warning for a post whose comments may not be as chosen."""
    wanted = draft.options.get(_OPTION)
    if wanted is None:
        return ()
    state = "on" if wanted else "off"
    return (f"Comments may not have been turned {state}: check in the Instagram app",)


def _read_url(client: Client, media_id: str) -> str | None:
    try:
        fields = client.get(media_id, fields=_FIELDS)
    except PublishError as error:
        logger.info("the post's link was not read: %s", error.code)
        return None
    shortcode = text(fields, "shortcode")
    if post_url(fields) is None and shortcode.replace("-", "").replace("_", "").isalnum():
        return REEL_LINK.format(shortcode=shortcode)
    return post_url(fields)
