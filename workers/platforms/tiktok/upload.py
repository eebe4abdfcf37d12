"""What TikTok has given us for one job, how the file is cut, and the limits that go with it."""

from __future__ import annotations

from dataclasses import dataclass

from workers.platforms.base import Upload

#: TikTok does not say whether its MB are 10^6 or 2^20 bytes; these fit both. Chunks have 5 to 64
#: MB, the last one takes the remainder, and a file up to 64 MB may go as one chunk: so none
#: falls between one and two chunks, which cannot be declared.
#: https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide
SINGLE_CHUNK_MAX_BYTES = 64_000_000
CHUNK_BYTES = 10_000_000
#: Each chunk costs a round trip, so long files have some 16; with the remainder, the last one
#: stays below 64 MB.
CHUNK_MAX_BYTES = 32_000_000
CHUNKS = 16
#: https://developers.tiktok.com/doc/content-posting-api-reference-direct-post
UPLOAD_URL_SECONDS = 3600
#: A last chunk that was begun before its URL expired may still be on its way to be counted.
SETTLE_SECONDS = 900


@dataclass(frozen=True)
class ChunkPlan:
    """How a file is cut: equal chunks, and the remainder on the last."""

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
        """Return where the chunk that holds byte `offset` starts."""
        return min(offset // self.chunk_bytes, self.count - 1) * self.chunk_bytes

    def end(self, offset: int) -> int:
        """Return where the chunk that holds byte `offset` ends (exclusive)."""
        start = self.start(offset)
        is_last = start == (self.count - 1) * self.chunk_bytes
        return self.size_bytes if is_last else start + self.chunk_bytes


@dataclass(frozen=True)
class TikTokUpload(Upload):
    """The checkpoint of one job. Times are epoch seconds.

    `upload_url` works without a token for whoever holds it, until `expires_at`. `privacy_level`,
    `username` and `overridden` (interactions the owner wanted and the account's settings forbid)
    are as they were when the post was begun. `is_fresh` is True until the first byte may have
    been sent; `final_started_at` is set right before the request that completes the file, by
    which TikTok publishes it; `delivered_at` when TikTok said that it has all of it, or will
    fetch it: `is_pulled`. Such an upload has no id before that request was answered.
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
    is_pulled: bool = False

    @property
    def plan(self) -> ChunkPlan:
        """Return how the file was declared to be cut."""
        return ChunkPlan(self.size_bytes, self.chunk_bytes)

    @property
    def is_public(self) -> bool:
        """Say whether everybody may see the post, so that it gets an id and a link."""
        return self.privacy_level == "PUBLIC_TO_EVERYONE"

    def waited_seconds(self, now: float) -> float:
        """Return for how long TikTok may have had the whole file, or the post at all."""
        return now - (self.final_started_at or self.expires_at - UPLOAD_URL_SECONDS)

    def is_settled(self, now: float) -> bool:
        """Say whether no byte can be added any more, nor be on its way to be counted."""
        if self.final_started_at is None:
            return now >= self.expires_at
        return now >= max(self.expires_at, self.final_started_at) + SETTLE_SECONDS
