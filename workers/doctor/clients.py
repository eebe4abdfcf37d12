"""Checks of the OAuth clients by which the platforms know this service.

A platform that is not in use here needs none.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from sqlalchemy import select
from sqlalchemy.exc import SQLAlchemyError

from app.config import Config
from app.database.transaction import transaction
from app.models import Account
from app.platforms import PLATFORMS
from workers.doctor.finding import Finding
from workers.errors import AccountRefused, PublishError
from workers.handlers import load_handler
from workers.platforms.base import Access
from workers.platforms.instagram.oauth import check_client as check_client_of_facebook


def check_tiktok(config: Config) -> Finding:
    """Check that TikTok knows the client."""
    return _check_refreshing(config, "TIKTOK", "TIKTOK_CLIENT_KEY", config.tiktok_client_key)


def check_youtube(config: Config) -> Finding:
    """Check that Google knows the client."""
    return _check_refreshing(config, "YOUTUBE", "YOUTUBE_CLIENT_ID", config.youtube_client_id)


def check_facebook(config: Config) -> Finding:
    """Check that Facebook Login knows the client."""
    name = "FACEBOOK_CLIENT_ID"
    if not config.facebook_client_id:
        return _unset_for_instagram(config, name, "Facebook Login")
    try:
        check_client_of_facebook(load_handler("INSTAGRAM").api)
    except PublishError as error:
        return Finding(name, False, f"{error.code}: {error.detail}")
    return Finding(name, True, "the platform knows this client")


def check_instagram(config: Config) -> Finding:
    """Check that the client is set; whether Instagram knows it, only a consent shows."""
    name = "INSTAGRAM_CLIENT_ID"
    if not config.instagram_client_id:
        return _unset_for_instagram(config, name, "Instagram Login")
    return Finding(name, True, "is set; only a consent shows whether the platform knows it")


def _check_refreshing(config: Config, platform: str, variable: str, client: str) -> Finding:
    """Try to refresh with an invalid token: a platform that knows the client refuses the token,
    one that does not refuses the client."""
    if not client:
        return _unset(config, platform, variable)
    try:
        load_handler(platform).refresh(Access("doctor", "doctor"), "doctor")
    except AccountRefused:
        return Finding(variable, True, "the platform knows this client")
    except PublishError as error:
        return Finding(variable, False, f"{error.code}: {error.detail}")
    return Finding(variable, False, "the platform accepted an invalid refresh token")


def _unset(config: Config, platform: str, variable: str) -> Finding:
    """Tell whether an unset client is missing: accounts' tokens are refreshed with it."""
    name = PLATFORMS[platform].name
    if platform not in config.worker_platforms:
        return _unserved(platform, variable)
    try:
        with transaction() as session:
            query = select(Account.id).where(
                Account.platform == platform, Account.deleted_at.is_(None)
            )
            is_needed = session.scalar(query.limit(1)) is not None
    except SQLAlchemyError:
        words = f"is not set; only the database can tell whether an account of {name} needs it"
        return Finding(variable, True, words, is_note=True)
    if is_needed:
        return Finding(
            variable, False, f"is not set, and accounts of {name} need it to refresh their tokens"
        )
    return Finding(variable, True, f"is not set: {name} is not in use", is_note=True)


def _unset_for_instagram(config: Config, variable: str, login: str) -> Finding:
    """Tell what an unset Instagram client means: no consents; tokens need none."""
    if "INSTAGRAM" not in config.worker_platforms:
        return _unserved("INSTAGRAM", variable)
    words = f"is not set: no account can be connected by {login}; tokens handed in do not need it"
    return Finding(variable, True, words, is_note=True)


def _unserved(platform: str, variable: str) -> Finding:
    words = f"is not set: WORKER_PLATFORMS leaves {PLATFORMS[platform].name} to other workers"
    return Finding(variable, True, words, is_note=True)


#: The setting that holds a client → its check.
CLIENT_CHECKS: Mapping[str, Callable[[Config], Finding]] = {
    "TIKTOK_CLIENT_KEY": check_tiktok,
    "FACEBOOK_CLIENT_ID": check_facebook,
    "INSTAGRAM_CLIENT_ID": check_instagram,
    "YOUTUBE_CLIENT_ID": check_youtube,
}
