"""The URLs of the platforms' OAuth consent pages. Pure.

https://developers.tiktok.com/doc/login-kit-web
https://developers.facebook.com/docs/facebook-login/guides/advanced/manual-flow
https://developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/business-login
https://developers.google.com/identity/protocols/oauth2/web-server
"""

from __future__ import annotations

import base64
import hashlib
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from app.accounts.requirements import GOOGLE_SCOPES
from app.config import Config
from app.states import LoginType


@dataclass(frozen=True)
class ConsentPage:
    """One login's page. `client` names the setting with our client id; `query` is the rest."""

    client: str
    client_parameter: str
    address: Callable[[Config], str]
    scopes: tuple[str, ...]
    separator: str
    query: tuple[tuple[str, str], ...] = ()
    has_pkce: bool = False


#: By platform and login.
CONSENT_PAGES: dict[tuple[str, LoginType], ConsentPage] = {
    ("TIKTOK", LoginType.ONLY): ConsentPage(
        "TIKTOK_CLIENT_KEY",
        "client_key",
        lambda config: f"{config.tiktok_consent_url}/v2/auth/authorize/",
        ("user.info.basic", "user.info.profile", "video.publish", "video.list"),
        ",",
    ),
    ("INSTAGRAM", LoginType.FACEBOOK): ConsentPage(
        "FACEBOOK_CLIENT_ID",
        "client_id",
        lambda config: (
            f"{config.facebook_consent_url}/{config.instagram_graph_version}/dialog/oauth"
        ),
        (
            "instagram_basic",
            "instagram_content_publish",
            "instagram_manage_insights",
            "pages_read_engagement",
            "pages_show_list",
        ),
        ",",
    ),
    ("INSTAGRAM", LoginType.INSTAGRAM): ConsentPage(
        "INSTAGRAM_CLIENT_ID",
        "client_id",
        lambda config: f"{config.instagram_consent_url}/oauth/authorize",
        (
            "instagram_business_basic",
            "instagram_business_content_publish",
            "instagram_business_manage_insights",
        ),
        ",",
    ),
    ("YOUTUBE", LoginType.ONLY): ConsentPage(
        "YOUTUBE_CLIENT_ID",
        "client_id",
        lambda config: f"{config.google_consent_url}/o/oauth2/v2/auth",
        (f"{GOOGLE_SCOPES}youtube.upload", f"{GOOGLE_SCOPES}youtube.readonly"),
        " ",
        # Google issues a refresh token only on request, and only with a fresh consent.
        (("access_type", "offline"), ("prompt", "consent"), ("include_granted_scopes", "true")),
        has_pkce=True,
    ),
}


def callback_url(config: Config, platform: str) -> str:
    """Return the OAuth redirect URI, to be registered with the platform."""
    return f"{config.public_url}/api/accounts/{platform}/callback"


def consent_url(
    config: Config, platform: str, login_type: LoginType, *, state: str, verifier: str | None
) -> str:
    """Return the URL of a platform's consent page for one user."""
    page = CONSENT_PAGES[platform, login_type]
    query = {
        page.client_parameter: client_of(config, page),
        "redirect_uri": callback_url(config, platform),
        "response_type": "code",
        "scope": page.separator.join(page.scopes),
        "state": state,
        **dict(page.query),
    }
    if verifier is not None:
        query.update(code_challenge=challenge_of(verifier), code_challenge_method="S256")
    return f"{page.address(config)}?{urlencode(query)}"


def client_of(config: Config, page: ConsentPage) -> str:
    """Return our client id at the platform; empty if unset."""
    client: str = getattr(config, page.client.lower())
    return client


def new_verifier() -> str:
    """Return a fresh PKCE code verifier (RFC 7636 §4.1)."""
    return secrets.token_urlsafe(48)


def challenge_of(verifier: str) -> str:
    """Return the PKCE code challenge for a verifier (RFC 7636 §4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
