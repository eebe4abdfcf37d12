"""`/api/platforms`: the platforms' rules, and the user's use of their limits."""

from __future__ import annotations

from app.api.auth import current_user
from app.api.blueprint import Blueprint
from app.api.errors import NotFound
from app.clock import utcnow
from app.platforms import PLATFORMS
from app.queries.platforms import PlatformView, view_platforms
from app.schemas.platform_info import PlatformsSchema

blueprint = Blueprint(
    "platforms", __name__, url_prefix="/api/platforms", description="Rules and limits"
)


@blueprint.route("", methods=["GET"], operation="listPlatforms")
@blueprint.response(200, PlatformsSchema)
def index() -> dict[str, list[PlatformView]]:
    """Show each platform's rules, the limits used, and when they reset

    YouTube's daily limits are shared by all users of the service.
    """
    return {"platforms": view_platforms(current_user(), utcnow())}


def require_platform(platform: str) -> None:
    """Raise `NotFound` for what is not a platform's name."""
    if platform not in PLATFORMS:
        raise NotFound("Platform not found")
