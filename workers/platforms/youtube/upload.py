"""The checkpoint of a YouTube upload, and how the file is split into chunks."""

from __future__ import annotations

from dataclasses import dataclass

from workers.platforms.base import Upload

#: Chunks are equal multiples of 256 KiB. A cancellation is honoured until the last one starts,
#: and each costs a round trip; hence about 16 of them, of 8 MiB to 64 MiB.
#: https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol
CHUNK_UNIT_BYTES = 262_144
CHUNK_BYTES = 32 * CHUNK_UNIT_BYTES
CHUNK_MAX_BYTES = 256 * CHUNK_UNIT_BYTES
CHUNKS = 16
#: The same page calls a session's lifetime "finite" without a number; we give up after a day.
SESSION_LIMIT_SECONDS = 86_400
COVER_SET = "set"


@dataclass(frozen=True)
class YouTubeUpload(Upload):
    """The checkpoint of one job. Times are epoch seconds.

    - `session_uri` is a secret: it accepts bytes without a token.
    - `is_fresh` is True until the first byte may have been sent.
    - `final_started_at` is set right before the request that completes the file, which creates
      the video.
    - `video_id`, `completed_at` and `privacy` come from the response to it.
    - `not_listed_at` is when the channel's list was first searched for the video in vain.
    - `cover` is empty until a chosen cover was tried, then `COVER_SET` or what went wrong last;
      `cover_tries` is how often it did.
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
    cover: str = ""
    cover_tries: int = 0

    @property
    def chunk_bytes(self) -> int:
        """Return the size of every chunk but the last."""
        share = -(-self.size_bytes // (CHUNKS * CHUNK_UNIT_BYTES)) * CHUNK_UNIT_BYTES
        return min(max(share, CHUNK_BYTES), CHUNK_MAX_BYTES)
