"""YouTube: the Data API's videos.insert with a resumable upload.

A video exists from the moment its last byte was taken; there is no call that publishes. The
session tells, whenever it is asked, how far it is and which video it has become, so the same
session is asked and continued after every failure.
https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from workers.errors import UploadGone
from workers.platforms import base
from workers.platforms.base import Access, Context, Tokens, Upload
from workers.platforms.connecting import Grant, Opened
from workers.platforms.counting import Counts, Reader
from workers.platforms.results import Incomplete, Processing, Published, Ready
from workers.platforms.youtube import (
    codes,
    connecting,
    counts,
    covers,
    fate,
    lengths,
    listing,
    oauth,
    sending,
    session,
)
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.session import Complete, Held, SessionLost
from workers.platforms.youtube.upload import COVER_SET, SESSION_LIMIT_SECONDS, YouTubeUpload


class Handler(base.Handler):
    """Publishes on YouTube. The order of calls is that of `workers.platforms.base`."""

    upload_type = YouTubeUpload
    posts_at_once = counts.POSTS_AT_ONCE

    def refresh(self, access: Access, refresh_token: str | None) -> Tokens:
        """Get a fresh access token; see `oauth.refresh`."""
        return oauth.refresh(self.api, refresh_token)

    def check_access(self, reader: Reader) -> None:
        """Read the account's channel; see `connecting.check_access`."""
        connecting.check_access(Client(self.api, reader), reader.access.scopes)

    def open(self, context: Context) -> YouTubeUpload:
        """Open a session: one of the application's daily uploads, and no video yet."""
        scopes = context.access.scopes
        if scopes and scopes.isdisjoint(codes.UPLOAD_SCOPES):
            raise codes.UPLOAD_SCOPE_MISSING.error_for(
                "upload_scope_missing",
                "the account was connected without the permission to upload",
            )
        client = Client(self.api, context)
        lengths.refuse_too_long(client, context)
        return session.open_session(client, context)

    def send(self, context: Context, upload: Upload) -> YouTubeUpload:
        """Send the missing bytes; the last request is written down before it is made."""
        client = Client(self.api, context)
        return sending.send_rest(client, context, _ours(upload))

    def after_upload(self, context: Context, upload: Upload) -> None:
        """Set the chosen cover; see `covers.set_cover`."""
        covers.set_cover(Client(self.api, context), context, _ours(upload))

    def poll(self, context: Context, upload: Upload) -> Incomplete | Processing | Ready | Published:
        """Read the session until there is a video, then the video until it is processed.

        Raises `Ambiguous` when the session is lost after its final request was started and the
        channel's list does not show the video.
        """
        client, upload = Client(self.api, context), _ours(upload)
        if upload.video_id is not None:
            return self._fate(client, context, upload)
        try:
            state = session.query(client, upload)
        except SessionLost:
            return listing.look_for(client, context, upload)
        if isinstance(state, Complete):
            sending.completed(context, upload, state)
            return Processing(self.api.poll_seconds)
        return self._unfinished(client, context, sending.moved(context, upload, state), state)

    def follow_up(self, context: Context, upload: Upload, post_id: str | None) -> Published:
        """Read a live video's processing and privacy once more."""
        return fate.follow(Client(self.api, context), context, _ours(upload), post_id)

    def connect(self, grant: Grant) -> Sequence[Opened]:
        """Exchange a consent's code; see `connecting.connect`."""
        return connecting.connect(self.api, grant)

    def count(self, reader: Reader, post_ids: Sequence[str]) -> Mapping[str, Counts]:
        """Read how videos are doing; see `counts.read_counts`."""
        return counts.read_counts(self.api, reader, post_ids)

    def _fate(
        self, client: Client, context: Context, upload: YouTubeUpload
    ) -> Processing | Published:
        found = fate.ask(client, context, upload)
        if isinstance(found, Published) and upload.cover not in ("", COVER_SET):
            return replace(found, warnings=(*found.warnings, upload.cover))
        return found

    def _unfinished(
        self, client: Client, context: Context, upload: YouTubeUpload, state: Held
    ) -> Incomplete | Processing:
        now = context.now().timestamp()
        if upload.final_started_at is None and now - upload.opened_at > SESSION_LIMIT_SECONDS:
            raise UploadGone("upload_session_old", "the unfinished upload is more than a day old")
        if state.received_bytes < upload.size_bytes:
            return Incomplete(state.received_bytes)
        if now - (upload.final_started_at or now) > SESSION_LIMIT_SECONDS:
            return listing.look_for(client, context, upload)  # it will not tell any more
        return Processing(self.api.poll_seconds)


def _ours(upload: Upload) -> YouTubeUpload:
    assert isinstance(upload, YouTubeUpload)
    return upload
