"""The handler of each platform, with the settings it needs."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from types import ModuleType

from app.config import Config, current_config
from app.platforms import PLATFORMS
from workers.platforms.base import Api, Handler, Upload

#: Platform → its handler's part of the settings.
APIS: dict[str, Callable[[Config], Api]] = {
    "TIKTOK": lambda config: Api(
        url=config.tiktok_api_url,
        client_id=config.tiktok_client_key,
        client_secret=config.tiktok_client_secret,
        fetches=config.tiktok_video_by == "link",
        poll_seconds=config.tiktok_poll_seconds,
    ),
    "INSTAGRAM": lambda config: Api(
        url=config.instagram_graph_url,
        oauth_url=config.instagram_login_url,
        version=config.instagram_graph_version,
        client_id=config.facebook_client_id,
        client_secret=config.facebook_client_secret,
        login_client_id=config.instagram_client_id,
        login_client_secret=config.instagram_client_secret,
        login_token_url=config.instagram_token_url,
        fetches=config.instagram_video_by == "link",
        poll_seconds=config.instagram_poll_seconds,
    ),
    "YOUTUBE": lambda config: Api(
        url=config.youtube_api_url,
        oauth_url=config.google_oauth_url,
        client_id=config.youtube_client_id,
        client_secret=config.youtube_client_secret,
        poll_seconds=config.youtube_poll_seconds,
    ),
}


def load_handler(platform: str) -> Handler[Upload]:
    """Return a platform's handler, registered in `app.platforms`, for the current app."""
    _, _, name = PLATFORMS[platform].handler.partition(":")
    handler_class: type[Handler[Upload]] = getattr(handler_module(platform), name)
    config = current_config()
    return handler_class(APIS[platform](config))


def handler_module(platform: str) -> ModuleType:
    """Import and return the module of a platform's handler."""
    module, _, _ = PLATFORMS[platform].handler.partition(":")
    return import_module(module)
