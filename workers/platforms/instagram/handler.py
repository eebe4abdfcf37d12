"""The Instagram handler: container, bytes, processing, `media_publish`, the post's id and link.

Everything before `media_publish` is invisible and may be done again; after it, one container
alone can become the post.
https://developers.facebook.com/docs/instagram-platform/content-publishing
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from workers.errors import Transient
from workers.platforms import base
from workers.platforms.base import Access, Context, Tokens, Upload
from workers.platforms.connecting import Grant, Opened
from workers.platforms.counting import Counts, Reader
from workers.platforms.instagram import connecting, counts, oauth
from workers.platforms.instagram.client import Graph
from workers.platforms.instagram.codes import MISSING_OBJECT
from workers.platforms.instagram.containers import (
    IN_PROGRESS,
    death_of,
    read_container,
    while_maybe_live,
)
from workers.platforms.instagram.fate import Judge, lacks_bytes
from workers.platforms.instagram.opening import open_container, read_quota
from workers.platforms.instagram.posts import comments_warning, look_at
from workers.platforms.instagram.publishing import believed, publish_container
from workers.platforms.instagram.sending import send_bytes
from workers.platforms.instagram.upload import InstagramUpload
from workers.platforms.results import Incomplete, Processing, Published, Ready


class Handler(base.Handler):
    """Speaks the Instagram Graph API; `api.url` is Facebook Login's host, `api.oauth_url`
    Instagram Login's, and the account's `login_type` says which of them is meant."""

    upload_type = InstagramUpload
    posts_at_once = counts.POSTS_AT_ONCE

    def refresh(self, access: Access, refresh_token: str | None) -> Tokens:
        """Renew an Instagram Login token; a Facebook Login one raises `AccountRefused`."""
        return oauth.refresh(self.api, access)

    def check_access(self, reader: Reader) -> None:
        """Read the publishing quota, as before each post.

        https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/ig-user/content_publishing_limit
        """
        read_quota(Graph.of(self.api, reader), reader.access.platform_user_id)

    def open(self, context: Context) -> InstagramUpload:
        """Make a container, after the quota was read."""
        return open_container(Graph.of(self.api, context), self.api, context)

    def send(self, context: Context, upload: Upload) -> InstagramUpload:
        """Send the bytes that are missing; none where Instagram fetches the video itself."""
        upload = _own(upload)
        if not upload.upload_url or upload.is_sent:
            return upload
        first = self._received_bytes(context, upload) if upload.has_begun else 0
        if first is not None and first < context.source.size_bytes:
            begun = replace(upload, has_begun=True, moved_at=context.now().timestamp())
            context.journal.save(begun)
            send_bytes(context, begun, first)
        return replace(upload, has_begun=True, is_sent=True, moved_at=context.now().timestamp())

    def poll(self, context: Context, upload: Upload) -> Incomplete | Processing | Ready | Published:
        """Read the container, or the post where its id is known."""
        upload = _own(upload)
        graph = Graph.of(self.api, context)
        if upload.media_id is not None:
            return look_at(graph, upload.media_id, warnings=comments_warning(context.draft))
        with while_maybe_live(upload):
            container = read_container(graph, upload)
            found = Judge(graph, context, upload, self.api.poll_seconds).judge(container)
        if isinstance(found, Ready) and upload.refusal:
            raise believed(context, upload)
        return found

    def publish(self, context: Context, upload: Upload) -> Published | Processing:
        """Publish a container that `poll` found ready."""
        graph = Graph.of(self.api, context)
        return publish_container(graph, context, _own(upload), self.api.poll_seconds)

    def follow_up(self, context: Context, upload: Upload, post_id: str | None) -> Published:
        """Look for a live post's id, or its link, once more."""
        upload = _own(upload)
        graph = Graph.of(self.api, context)
        media_id = post_id or upload.media_id
        if media_id is not None:
            return look_at(graph, media_id)
        return Judge(graph, context, upload, self.api.poll_seconds).live()

    def connect(self, grant: Grant) -> Sequence[Opened]:
        """Exchange a consent's code; see `connecting.connect`."""
        return connecting.connect(self.api, grant)

    def count(self, reader: Reader, post_ids: Sequence[str]) -> Mapping[str, Counts]:
        """Read how reels are doing; see `counts.read_counts`."""
        return counts.read_counts(self.api, reader, post_ids)

    def _received_bytes(self, context: Context, upload: InstagramUpload) -> int | None:
        """Read how far the platform got; None where it waits for nothing any more."""
        container = read_container(Graph.of(self.api, context), upload)
        if container is None:
            raise Transient(MISSING_OBJECT, "Instagram does not show the upload at the moment")
        if container.is_dead:
            raise death_of(container)
        is_waiting = lacks_bytes(upload, container, context.source.size_bytes)
        if container.status_code != IN_PROGRESS or not is_waiting:
            return None
        return container.received_bytes or 0


def _own(upload: Upload) -> InstagramUpload:
    assert isinstance(upload, InstagramUpload)
    return upload
