"""TikTok: the Content Posting API's direct post, with the file uploaded by us, or fetched by link.

That all bytes have arrived is what publishes a video that we upload: there is no call for it.
Until then nothing can go live; from then on the publish id tells, whenever it is asked, what
became of it. For one that TikTok fetches, see `pulling`.
https://developers.tiktok.com/doc/content-posting-api-reference-direct-post
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.errors import AccountRefused, RequestRefused
from workers.platforms import base
from workers.platforms.base import Access, Context, Tokens, Upload
from workers.platforms.connecting import Grant, Opened
from workers.platforms.counting import Counts, Reader
from workers.platforms.results import Incomplete, Processing, Published, Ready
from workers.platforms.tiktok import (
    codes,
    connecting,
    counts,
    fate,
    oauth,
    opening,
    pulling,
    sending,
    status,
)
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.upload import TikTokUpload


class Handler(base.Handler):
    """Publishes on TikTok. The order of calls is that of `workers.platforms.base`."""

    upload_type = TikTokUpload
    posts_at_once = counts.POSTS_AT_ONCE

    def refresh(self, access: Access, refresh_token: str | None) -> Tokens:
        """Get a fresh access token; see `oauth.refresh`."""
        return oauth.refresh(self.api, refresh_token)

    def check_access(self, reader: Reader) -> None:
        """Read what the account may post, as before each post.

        https://developers.tiktok.com/doc/content-posting-api-reference-query-creator-info
        """
        opening.read_creator(Client(self.api, reader))

    def open(self, context: Context) -> TikTokUpload:
        """Ask what the account may post, check the draft against it, and get an upload URL.

        For a video that TikTok is to fetch, `send` does so."""
        scopes = context.access.scopes
        if scopes and codes.PUBLISH_SCOPE not in scopes:
            raise AccountRefused(
                "scope_not_authorized",
                "the account was connected without the permission to post",
                hint=codes.ERRORS["scope_not_authorized"].hint,
                reconnect=True,
            )
        client = Client(self.api, context)
        if pulling.may_pull(client, context):
            return pulling.plan_to_pull(context)
        return opening.open_upload(client, context)

    def send(self, context: Context, upload: Upload) -> TikTokUpload:
        """Send the missing bytes, or have them fetched; what publishes is written down before."""
        client, upload = Client(self.api, context), _ours(upload)
        if upload.is_pulled:
            return pulling.ask_to_pull(client, context, upload)
        return sending.send_rest(client, context, upload)

    def poll(self, context: Context, upload: Upload) -> Incomplete | Processing | Ready | Published:
        """Read the publish's status once.

        Raises `Ambiguous` when the last byte was sent and TikTok does not tell, or not in time,
        what became of it, and the account's list does not show the post either.
        """
        client, upload = Client(self.api, context), _ours(upload)
        if upload.is_pulled and not upload.publish_id:
            return pulling.look_for(client, context, upload)
        try:
            found = status.read_status(client, upload)
        except RequestRefused as error:
            if upload.final_started_at is None:
                raise fate.never_finished(error) from error
            return fate.reconcile(client, context, upload, fate.unreadable(upload, error))
        return fate.judge(client, context, upload, found)

    def follow_up(self, context: Context, upload: Upload, post_id: str | None) -> Published:
        """Read once more the id that a public post gets when it has passed moderation."""
        upload = _ours(upload)
        if post_id is not None:
            return Published(post_id, fate.post_url(upload, post_id))
        try:
            found = status.read_status(Client(self.api, context), upload)
        except (AccountRefused, RequestRefused):
            return Published(None)
        return fate.published(upload, found, context.now().timestamp())

    def connect(self, grant: Grant) -> Sequence[Opened]:
        """Exchange a consent's code; see `connecting.connect`."""
        return connecting.connect(self.api, grant)

    def count(self, reader: Reader, post_ids: Sequence[str]) -> Mapping[str, Counts]:
        """Read how videos are doing; see `counts.read_counts`."""
        return counts.read_counts(self.api, reader, post_ids)


def _ours(upload: Upload) -> TikTokUpload:
    assert isinstance(upload, TikTokUpload)
    return upload
