"""The YouTube handler: videos.insert with a resumable upload.

A video exists as soon as its last byte is accepted; there is no separate publish call. The
session reports at any time how many bytes it has, or which video it has become, so after every
failure the same session is queried and resumed.
https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from workers.errors import UploadGone
from workers.platforms.base import Access, Context, Draft, Handler, Tokens
from workers.platforms.connecting import ConnectedAccount, Grant
from workers.platforms.counting import Counts, ReadContext
from workers.platforms.results import Incomplete, Processing, Published, Ready
from workers.platforms.youtube import (
    connecting,
    counts,
    covers,
    judging,
    oauth,
    opening,
    sending,
    session,
)
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.session import SessionComplete, SessionLost, SessionOpen
from workers.platforms.youtube.upload import SESSION_LIMIT_SECONDS, YouTubeUpload


class YouTubeHandler(Handler[YouTubeUpload]):
    """Publishes on YouTube. `workers.platforms.base` defines the order of calls."""

    upload_type = YouTubeUpload
    posts_at_once = counts.POSTS_AT_ONCE

    def refresh(self, access: Access, refresh_token: str | None) -> Tokens:
        """Get a fresh access token; see `oauth.refresh`."""
        return oauth.refresh(self.api, refresh_token)

    def check_access(self, context: ReadContext) -> None:
        """Read the account's channel; see `connecting.check_access`."""
        connecting.check_access(Client(self.api, context), context.access.scopes)

    def open(self, context: Context) -> YouTubeUpload:
        """Open an upload session; see `opening.open_upload`."""
        opening.check_scope(context.access)
        return opening.open_upload(Client(self.api, context), context)

    def send(self, context: Context, upload: YouTubeUpload) -> YouTubeUpload:
        """Send the missing bytes; see `sending.send_missing`."""
        return sending.send_missing(Client(self.api, context), context, upload)

    def after_upload(self, context: Context, upload: YouTubeUpload) -> None:
        """Set the chosen cover; see `covers.set_cover`."""
        covers.set_cover(Client(self.api, context), context, upload)

    def poll(
        self, context: Context, upload: YouTubeUpload
    ) -> Incomplete | Processing | Ready | Published:
        """Read the session until there is a video, then the video until it is processed.

        Raises `Ambiguous` if the session was lost after its final request was started and the
        channel's list does not show the video.
        """
        client = Client(self.api, context)
        if upload.video_id is not None:
            return judging.judge(client, context, upload)
        try:
            state = session.read_session(client, upload)
        except SessionLost:
            return judging.reconcile(client, context, upload)
        if isinstance(state, SessionComplete):
            sending.store_completion(context, upload, state)
            return Processing(self.api.poll_seconds)
        upload = sending.store_session_uri(context, upload, state)
        return self._unfinished(client, context, upload, state)

    def published_if_known(self, draft: Draft, upload: YouTubeUpload) -> Published | None:
        """Return the video, which exists once it has an id, whether or not it is processed."""
        return judging.known_video(draft, upload)

    def follow_up(self, context: Context, upload: YouTubeUpload, post_id: str | None) -> Published:
        """Read a live video's processing state and privacy once more."""
        return judging.follow_up(Client(self.api, context), context, upload, post_id)

    def connect(self, grant: Grant) -> Sequence[ConnectedAccount]:
        """Exchange an authorization code; see `connecting.connect`."""
        return connecting.connect(self.api, grant)

    def count(self, context: ReadContext, post_ids: Sequence[str]) -> Mapping[str, Counts]:
        """Read statistics of videos; see `counts.read_counts`."""
        return counts.read_counts(self.api, context, post_ids)

    def _unfinished(
        self, client: Client, context: Context, upload: YouTubeUpload, state: SessionOpen
    ) -> Incomplete | Processing:
        now = context.now().timestamp()
        if upload.final_started_at is None and now - upload.opened_at > SESSION_LIMIT_SECONDS:
            raise UploadGone("upload_session_old", "the unfinished upload is more than a day old")
        if state.received_bytes < upload.size_bytes:
            return Incomplete(state.received_bytes)
        if now - (upload.final_started_at or now) > SESSION_LIMIT_SECONDS:
            # The session has every byte but no outcome, and will not report one any more.
            return judging.reconcile(client, context, upload)
        return Processing(self.api.poll_seconds)
