"""Rules of init: the post's fields and the chunk plan (docs: Direct Post, Media Transfer).

TikTok does not say whether its MB are 10^6 or 2^20 bytes, so only sizes that fit both are taken.
"""

from typing import Any

from sandbox.core.accounts import Account
from sandbox.core.errors import Refusal
from sandbox.core.fields import first_fault, is_flag, is_object, is_text, is_whole, utf16_units
from sandbox.core.world import World
from sandbox.tiktok.state import ChunkPlan

MIN_CHUNK_BYTES = 5 * 2**20
MAX_CHUNK_BYTES = 64_000_000
MAX_LAST_CHUNK_BYTES = 128_000_000
MAX_VIDEO_BYTES = 4_000_000_000
MAX_CHUNKS = 1000
MAX_TITLE_UNITS = 2200

PUBLIC_OPTIONS = ("PUBLIC_TO_EVERYONE", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")
PRIVATE_OPTIONS = ("FOLLOWER_OF_CREATOR", "MUTUAL_FOLLOW_FRIENDS", "SELF_ONLY")

POST_FIELDS = {
    "privacy_level": is_text,
    "title": is_text,
    "disable_duet": is_flag,
    "disable_stitch": is_flag,
    "disable_comment": is_flag,
    "video_cover_timestamp_ms": is_whole,
    "brand_content_toggle": is_flag,
    "brand_organic_toggle": is_flag,
    "is_aigc": is_flag,
}
FILE_FIELDS = {
    "source": is_text,
    "video_size": is_whole,
    "chunk_size": is_whole,
    "total_chunk_count": is_whole,
}
PULL_FIELDS = {"source": is_text, "video_url": is_text}


def privacy_options(account: Account) -> tuple[str, ...]:
    """Return the privacy levels the creator may choose."""
    return PRIVATE_OPTIONS if account.options.private else PUBLIC_OPTIONS


def check_body(body: dict[str, Any], *names: str) -> None:
    """Refuse a body that does not consist of exactly these objects."""
    wrong = first_fault(body, {name: is_object for name in names})
    if wrong is not None or set(body) != set(names):
        raise Refusal("invalid_params", wrong or f"the body needs {' and '.join(names)}")


def check_post_info(world: World, account: Account, post_info: dict[str, Any]) -> None:
    """Refuse a post that this creator, or this app, may not make."""
    wrong = first_fault(post_info, POST_FIELDS)
    if wrong is not None:
        raise Refusal("invalid_param", f"post_info: {wrong}")
    if "privacy_level" not in post_info:
        raise Refusal("invalid_param", "privacy_level is required")
    if utf16_units(post_info.get("title", "")) > MAX_TITLE_UNITS:
        raise Refusal("invalid_param", "title is too long")
    level = post_info["privacy_level"]
    if level not in privacy_options(account):
        raise Refusal("privacy_level_option_mismatch")
    if post_info.get("brand_content_toggle") and level == "SELF_ONLY":
        raise Refusal("invalid_param", "branded content cannot be private")
    if not world.is_audited(account, world.settings.tiktok_audited):
        if not account.options.private or level != "SELF_ONLY":
            raise Refusal("unaudited_client_can_only_post_to_private_accounts")


def read_plan(source_info: dict[str, Any]) -> ChunkPlan | None:
    """Return the chunk plan of a FILE_UPLOAD, None for PULL_FROM_URL. Refuses anything else."""
    source = source_info.get("source")
    if source == "FILE_UPLOAD":
        _need(source_info, FILE_FIELDS)
        plan = ChunkPlan(
            source_info["video_size"], source_info["chunk_size"], source_info["total_chunk_count"]
        )
        _check_plan(plan)
        return plan
    if source != "PULL_FROM_URL":
        raise Refusal("invalid_params", "source must be FILE_UPLOAD or PULL_FROM_URL")
    _need(source_info, PULL_FIELDS)
    return None


def _need(source_info: dict[str, Any], fields: dict[str, Any]) -> None:
    wrong = first_fault(source_info, fields)
    if wrong is not None or set(source_info) != set(fields):
        raise Refusal("invalid_params", f"source_info: {wrong or 'a field is missing'}")


def _check_plan(plan: ChunkPlan) -> None:
    if not 0 < plan.video_size <= MAX_VIDEO_BYTES:
        raise Refusal("invalid_file_upload", "video size is invalid")
    if not 1 <= plan.chunks <= MAX_CHUNKS:
        raise Refusal("invalid_params", "total chunk count is invalid")
    if plan.chunks == 1:
        is_sound = plan.chunk_size == plan.video_size <= MAX_CHUNK_BYTES
    else:
        is_sound = MIN_CHUNK_BYTES <= plan.chunk_size <= MAX_CHUNK_BYTES
    if not is_sound:
        raise Refusal("invalid_params", "chunk size is invalid")
    if plan.chunks != plan.video_size // plan.chunk_size:
        raise Refusal("invalid_params", "total chunk count is invalid")
    if plan.video_size - (plan.chunks - 1) * plan.chunk_size > MAX_LAST_CHUNK_BYTES:
        raise Refusal("invalid_params", "last chunk is too large")
