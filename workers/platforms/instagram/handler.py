"""The Instagram handler: container, bytes, processing, `media_publish`, the post's id and link.

Everything before `media_publish` is invisible and may be repeated; after it, only that one
container can become the post.
https://developers.facebook.com/docs/instagram-platform/content-publishing
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.platforms.base import Access, Context, Draft, Handler, Tokens
from workers.platforms.connecting import ConnectedAccount, Grant
from workers.platforms.counting import Counts, ReadContext
from workers.platforms.instagram import (
    connecting,
    containers,
    counts,
    judging,
    oauth,
    opening,
    posts,
    publishing,
    sending,
)
from workers.platforms.instagram.client import Client
from workers.platforms.instagram.upload import InstagramUpload
from workers.platforms.results import Incomplete, Processing, Published, Ready


class InstagramHandler(Handler[InstagramUpload]):
    """Publishes on Instagram. `workers.platforms.base` defines the order of calls.

    `api.url` is Facebook Login's host and `api.oauth_url` Instagram Login's; the account's
    `login_type` decides between them.
    """

    upload_type = InstagramUpload
    posts_at_once = counts.POSTS_AT_ONCE

    def refresh(self, access: Access, refresh_token: str | None) -> Tokens:
        """Refresh an Instagram Login token; see `oauth.refresh`."""
        return oauth.refresh(self.api, access)

    def check_access(self, context: ReadContext) -> None:
        """Read the publishing quota; see `opening.read_quota`."""
        opening.read_quota(Client(self.api, context), context.access.platform_user_id)

    def open(self, context: Context) -> InstagramUpload:
        """Create a container; see `opening.open_upload`."""
        return opening.open_upload(Client(self.api, context), context)

    def send(self, context: Context, upload: InstagramUpload) -> InstagramUpload:
        """Send the missing bytes; none if Instagram fetches the video."""
        return sending.send_missing(Client(self.api, context), context, upload)

    def poll(
        self, context: Context, upload: InstagramUpload
    ) -> Incomplete | Processing | Ready | Published:
        """Read the container, or the post if its id is known.

        Raises the refusal of an earlier publish once the container has proved it.
        """
        client = Client(self.api, context)
        if upload.media_id is not None:
            warnings = posts.comments_warning(context.draft)
            return posts.read_post(client, upload.media_id, warnings=warnings)
        with containers.while_maybe_live(upload):
            container = containers.read_container(client, upload)
            found = judging.judge(client, context, upload, container)
        if isinstance(found, Ready) and upload.refusal:
            return publishing.confirm_refusal(client, context, upload)
        return found

    def publish(self, context: Context, upload: InstagramUpload) -> Published | Processing:
        """Publish a container that `poll` found ready."""
        return publishing.publish_container(Client(self.api, context), context, upload)

    def published_if_known(self, draft: Draft, upload: InstagramUpload) -> Published | None:
        """Return the post if `media_publish` has named it."""
        if upload.media_id is None:
            return None
        warnings = posts.comments_warning(draft)
        return posts.published(upload.media_id, None, warnings=warnings)

    def follow_up(
        self, context: Context, upload: InstagramUpload, post_id: str | None
    ) -> Published:
        """Read a live post's id or link again."""
        client = Client(self.api, context)
        media_id = post_id or upload.media_id
        if media_id is not None:
            return posts.read_post(client, media_id)
        return judging.live_post(client, context, upload)

    def connect(self, grant: Grant) -> Sequence[ConnectedAccount]:
        """Exchange an authorization code; see `connecting.connect`."""
        return connecting.connect(self.api, grant)

    def count(self, context: ReadContext, post_ids: Sequence[str]) -> Mapping[str, Counts]:
        """Read statistics of Reels; see `counts.read_counts`."""
        return counts.read_counts(self.api, context, post_ids)
