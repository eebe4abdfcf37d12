"""Instagram accounts: both logins, their scopes; no refresh tokens at all."""

from sandbox.core import ids
from sandbox.core.accounts import AccountOptions
from sandbox.core.kinds import AccountKind

FACEBOOK_SCOPES = (
    "instagram_basic",
    "instagram_content_publish",
    "instagram_manage_contents",
    "instagram_manage_insights",
    "pages_read_engagement",
    "pages_show_list",
)
INSTAGRAM_SCOPES = (
    "instagram_business_basic",
    "instagram_business_content_publish",
    "instagram_business_manage_insights",
)
LONG_SECONDS = 5_184_000

BASIC = ("instagram_basic", "instagram_business_basic")
PUBLISHING = ("instagram_content_publish", "instagram_business_content_publish")
INSIGHTS = ("instagram_manage_insights", "instagram_business_manage_insights")
CONTENTS = ("instagram_manage_contents",)


def _scopes(options: AccountOptions) -> tuple[str, ...]:
    return FACEBOOK_SCOPES if options.login_type == "facebook" else INSTAGRAM_SCOPES


KIND = AccountKind(
    platform="INSTAGRAM",
    new_id=lambda: str(ids.number(17, "178414")),
    scopes=_scopes,
    access_prefix="IG",
    refresh_prefix=None,
    token_seconds=LONG_SECONDS,
)
