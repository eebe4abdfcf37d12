"""The TikTok handler: direct posts, with the file uploaded by us or fetched by TikTok.

An uploaded video is published by the arrival of its last byte; there is no separate publish
call. Nothing can go live before that, and from then on the publish id reports at any time what
became of the video. For videos that TikTok fetches, see `pulling`.
https://developers.tiktok.com/doc/content-posting-api-reference-direct-post
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.errors import AccountRefused, RequestRefused
from workers.platforms.base import Access, Context, Handler, Tokens
from workers.platforms.connecting import ConnectedAccount, Grant
from workers.platforms.counting import Counts, ReadContext
from workers.platforms.results import Incomplete, Processing, Published, Ready
from workers.platforms.tiktok import (
    connecting,
    counts,
    judging,
    oauth,
    opening,
    pulling,
    sending,
    status,
)
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.upload import TikTokUpload


class TikTokHandler(Handler[TikTokUpload]):
    """Publishes on TikTok. `workers.platforms.base` defines the order of calls."""

    upload_type = TikTokUpload
    posts_at_once = counts.POSTS_AT_ONCE

    def refresh(self, access: Access, refresh_token: str | None) -> Tokens:
        """Get a fresh access token; see `oauth.refresh`."""
        return oauth.refresh(self.api, refresh_token)

    def check_access(self, context: ReadContext) -> None:
        """Read the creator's info; see `opening.read_creator`."""
        opening.read_creator(Client(self.api, context))

    def open(self, context: Context) -> TikTokUpload:
        """Open an upload; see `opening.open_upload`.

        For a video that TikTok is to fetch, only plan it: the request for it publishes.
        """
        opening.check_scope(context.access)
        client = Client(self.api, context)
        if pulling.may_pull(client, context):
            return pulling.plan_pull(context)
        return opening.open_upload(client, context)

    def send(self, context: Context, upload: TikTokUpload) -> TikTokUpload:
        """Send the missing bytes, or have TikTok fetch the video."""
        client = Client(self.api, context)
        if upload.is_pulled:
            return pulling.request_pull(client, context, upload)
        return sending.send_missing(client, context, upload)

    def poll(
        self, context: Context, upload: TikTokUpload
    ) -> Incomplete | Processing | Ready | Published:
        """Read the publish status once.

        Raises `Ambiguous` if the last byte was sent, TikTok does not say in time what became of
        it, and the account's list does not show the post.
        """
        client = Client(self.api, context)
        if upload.is_pulled and not upload.publish_id:
            return pulling.judge_lost_request(client, context, upload)
        try:
            found = status.read_status(client, upload)
        except RequestRefused as error:
            if upload.final_started_at is None:
                raise judging.never_completed(error) from error
            return judging.reconcile(client, context, upload, judging.unreadable(error))
        return judging.judge(client, context, upload, found)

    def follow_up(self, context: Context, upload: TikTokUpload, post_id: str | None) -> Published:
        """Read again for the id that a public post gets once it has passed moderation."""
        if post_id is not None:
            return Published(post_id, judging.post_url(upload, post_id))
        try:
            found = status.read_status(Client(self.api, context), upload)
        except (AccountRefused, RequestRefused):
            return Published(None)
        return judging.published(upload, found, context.now().timestamp())

    def connect(self, grant: Grant) -> Sequence[ConnectedAccount]:
        """Exchange an authorization code; see `connecting.connect`."""
        return connecting.connect(self.api, grant)

    def count(self, context: ReadContext, post_ids: Sequence[str]) -> Mapping[str, Counts]:
        """Read statistics of videos; see `counts.read_counts`."""
        return counts.read_counts(self.api, context, post_ids)
