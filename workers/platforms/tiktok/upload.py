"""The checkpoint of a TikTok upload, and how the file is split into chunks."""

from __future__ import annotations

from dataclasses import dataclass

from workers.platforms.base import Upload

#: Chunks have 5 to 64 MB, the last one takes the remainder, and a file up to 64 MB may be a single
#: chunk. A file between one and two chunks cannot be declared; these sizes avoid that. TikTok does
#: not say whether its MB are 10^6 or 2^20 bytes; they satisfy both.
#: https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide
SINGLE_CHUNK_MAX_BYTES = 64_000_000
CHUNK_BYTES = 10_000_000
#: Each chunk costs a round trip, so long files have about 16. Even with the remainder, the last
#: one stays below 64 MB.
CHUNK_MAX_BYTES = 32_000_000
CHUNKS = 16
#: The lifetime of an upload URL.
#: https://developers.tiktok.com/doc/content-posting-api-reference-direct-post
UPLOAD_URL_SECONDS = 3600
#: A final chunk that was started before its URL expired may be counted this much later.
SETTLE_SECONDS = 900
#: How long bytes are sent again to a URL that was refused; then it is only waited for its expiry.
RESEND_SECONDS = 60


@dataclass(frozen=True)
class ChunkPlan:
    """How a file is split: equal chunks, the last of which takes the remainder."""

    size_bytes: int
    chunk_bytes: int

    @classmethod
    def of(cls, size_bytes: int) -> ChunkPlan:
        """Return the plan for a file of this size."""
        if size_bytes <= SINGLE_CHUNK_MAX_BYTES:
            return cls(size_bytes, size_bytes)
        return cls(size_bytes, min(max(size_bytes // CHUNKS, CHUNK_BYTES), CHUNK_MAX_BYTES))

    @property
    def count(self) -> int:
        """Return the number of chunks."""
        return self.size_bytes // self.chunk_bytes

    def start(self, offset: int) -> int:
        """Return the start of the chunk that contains byte `offset`."""
        return min(offset // self.chunk_bytes, self.count - 1) * self.chunk_bytes

    def end(self, offset: int) -> int:
        """Return the end (exclusive) of the chunk that contains byte `offset`."""
        start = self.start(offset)
        is_last = start == (self.count - 1) * self.chunk_bytes
        return self.size_bytes if is_last else start + self.chunk_bytes


@dataclass(frozen=True)
class TikTokUpload(Upload):
    """The checkpoint of one job. Times are epoch seconds.

    - `upload_url` is a secret: it accepts bytes without a token, until `expires_at`.
    - `privacy_level`, `username` and `overridden` (the interactions that the owner asked for and
      the account's settings forbid) are as of when the upload was opened.
    - `is_fresh` is True until the first byte may have been sent.
    - `final_started_at` is set right before the request that completes the file, upon which
      TikTok publishes it; for a pull, before the request for it.
    - `delivered_at` is when TikTok confirmed that it has the whole file, or accepted a pull.
    - `url_refused_at` is when the URL first refused bytes although the file may be complete.
    - `is_pulled` is True if TikTok fetches the video. Such an upload has no `publish_id` until
      the request for it is answered.
    """

    publish_id: str
    upload_url: str
    expires_at: float
    size_bytes: int
    chunk_bytes: int
    privacy_level: str
    username: str = ""
    overridden: str = ""
    is_fresh: bool = True
    final_started_at: float | None = None
    delivered_at: float | None = None
    url_refused_at: float | None = None
    is_pulled: bool = False

    @property
    def plan(self) -> ChunkPlan:
        """Return how the file was declared to be split."""
        return ChunkPlan(self.size_bytes, self.chunk_bytes)

    @property
    def is_public(self) -> bool:
        """Return whether the post is visible to everyone, so that it gets an id and a link."""
        return self.privacy_level == "PUBLIC_TO_EVERYONE"

    def waited_seconds(self, now: float) -> float:
        """Return for how long TikTok may have had the whole file, or else the upload was open."""
        return now - (self.final_started_at or self.expires_at - UPLOAD_URL_SECONDS)

    def takes_bytes(self, now: float) -> bool:
        """Return whether it is worth sending bytes to the upload URL."""
        if self.url_refused_at is not None and now >= self.url_refused_at + RESEND_SECONDS:
            return False
        return now < self.expires_at

    def is_settled(self, now: float) -> bool:
        """Return whether no more bytes can be accepted or still be counted."""
        if self.final_started_at is None:
            return now >= self.expires_at
        return now >= max(self.expires_at, self.final_started_at) + SETTLE_SECONDS
