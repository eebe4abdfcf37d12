"""What YouTube has given us for one job, and the limits that go with it."""

from __future__ import annotations

from dataclasses import dataclass

from workers.platforms.base import Upload

#: Chunks are equal multiples of 256 KiB. A cancellation is honoured until the last one begins,
#: and each costs a round trip: so there are some 16, of 8 MiB at least and of 64 MiB at most.
#: https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol
CHUNK_UNIT_BYTES = 262_144
CHUNK_BYTES = 32 * CHUNK_UNIT_BYTES
CHUNK_MAX_BYTES = 256 * CHUNK_UNIT_BYTES
CHUNKS = 16
#: A session's life is "finite" and not stated there; we begin a new one after a day.
SESSION_LIMIT_SECONDS = 86_400


@dataclass(frozen=True)
class YouTubeUpload(Upload):
    """The checkpoint of one job. Times are epoch seconds.

    `session_uri` works without a token for whoever holds it. `is_fresh` is True until the first
    byte may have been sent; `final_started_at` is set right before the request that completes
    the file, by which the video comes into being. `video_id`, `completed_at` and `privacy` are
    the platform's answer to it. `not_listed_at` is when the video was first looked for in the
    channel's list, in vain.
    """

    session_uri: str
    size_bytes: int
    file_name: str
    opened_at: float
    is_fresh: bool = True
    final_started_at: float | None = None
    video_id: str | None = None
    completed_at: float | None = None
    privacy: str = ""
    not_listed_at: float | None = None

    @property
    def chunk_bytes(self) -> int:
        """Return how long each chunk but the last one is."""
        share = -(-self.size_bytes // (CHUNKS * CHUNK_UNIT_BYTES)) * CHUNK_UNIT_BYTES
        return min(max(share, CHUNK_BYTES), CHUNK_MAX_BYTES)
