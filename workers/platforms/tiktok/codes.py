"""TikTok's error codes as data: what each means to us. Codes are compared exactly.

https://developers.tiktok.com/doc/content-posting-api-reference-direct-post
https://developers.tiktok.com/doc/content-posting-api-reference-query-creator-info
https://developers.tiktok.com/doc/content-posting-api-reference-get-video-status
https://developers.tiktok.com/doc/content-posting-api-reference-upload-video
https://developers.tiktok.com/doc/tiktok-api-v2-error-handling
https://developers.tiktok.com/doc/oauth-error-handling
"""

from __future__ import annotations

from collections.abc import Mapping

from workers.errors import (
    AccountRefused,
    RateLimited,
    RequestRefused,
    TokenExpired,
    Transient,
    UploadGone,
    VideoRefused,
)
from workers.platforms.verdicts import Verdict

#: The per-minute limits are sliding windows; no Retry-After is documented.
#: https://developers.tiktok.com/doc/tiktok-api-v2-rate-limit
MINUTE_SECONDS = 60
#: The daily caps are rolling 24-hour windows, and TikTok does not say when the next post fits: we
#: probe at this interval, which costs no post.
#: https://developers.tiktok.com/doc/content-sharing-guidelines
DAILY_CAP_PROBE_SECONDS = 2 * 3600
DAY_SECONDS = 86_400

_RECONNECT_HINT = "Connect the TikTok account again"
_GRANT_ALL_HINT = "Connect the TikTok account again and leave every permission ticked"
_OPERATOR_HINT = "Ask the operator of this service to check its TikTok app settings"
_BANNED_HINT = "Look in the TikTok app why the account may not post"
_VIDEO_HINT = "Export the video again, as MP4 with H.264, and upload that file"
_REJECTED_HINT = "Check the video and the caption against TikTok's community guidelines"
_OPTIONS_HINT = "Check the caption, the privacy and the options"
_DRAFTS_HINT = "Finish or delete the drafts waiting in the TikTok app"
_DAILY_CAP_HINT = "TikTok accepts only a limited number of posts a day from an account"

_NOT_GRANTED = "TikTok no longer grants access to this account"
_NOT_PERMITTED = "the TikTok account has not given a permission that publishing needs"
_WAITS = "TikTok asks to wait for a minute"
_DAILY_CAP = "TikTok accepts no more posts from this account today"
_BANNED = "TikTok does not let this account post"
_REJECTED = "TikTok considers the post unwanted"
_NOT_ACCEPTED = "TikTok does not accept the video file"

#: The code for a publish id that TikTok does not know, or no longer knows.
UNKNOWN_PUBLISH_ID = "invalid_publish_id"

#: The code for a call that none of the token's scopes allows.
SCOPE_MISSING = "scope_not_authorized"

#: `error.code` of every call except the OAuth ones.
ERRORS: Mapping[str, Verdict] = {
    "access_token_invalid": Verdict(TokenExpired),
    SCOPE_MISSING: Verdict(AccountRefused, _GRANT_ALL_HINT, _NOT_PERMITTED, reconnect=True),
    "scope_permission_missed": Verdict(RequestRefused, _OPERATOR_HINT),
    "rate_limit_exceeded": Verdict(
        RateLimited, "", _WAITS, wait_seconds=MINUTE_SECONDS, blocks_reads=True
    ),
    "spam_risk_too_many_posts": Verdict(
        RateLimited, _DAILY_CAP_HINT, _DAILY_CAP, wait_seconds=DAILY_CAP_PROBE_SECONDS
    ),
    "spam_risk_too_many_pending_share": Verdict(
        RateLimited,
        _DRAFTS_HINT,
        "too many drafts are waiting in the TikTok app",
        wait_seconds=DAILY_CAP_PROBE_SECONDS,
    ),
    "spam_risk_user_banned_from_posting": Verdict(AccountRefused, _BANNED_HINT, _BANNED),
    "spam_risk": Verdict(RequestRefused, _REJECTED_HINT, _REJECTED),
    "reached_active_user_cap": Verdict(
        RateLimited,
        reason="this service may post for no more TikTok accounts today",
        wait_seconds=DAILY_CAP_PROBE_SECONDS,
        application_wide=True,
    ),
    "unaudited_client_can_only_post_to_private_accounts": Verdict(
        RequestRefused,
        "Set the TikTok account to private and post privately",
        "TikTok has not audited this service yet, so it may only post to private accounts",
    ),
    "url_ownership_unverified": Verdict(RequestRefused, _OPERATOR_HINT),
    "privacy_level_option_mismatch": Verdict(
        RequestRefused,
        "Choose a privacy that the account allows: a private one posts privately",
        "the TikTok account does not allow this privacy",
    ),
    "invalid_param": Verdict(RequestRefused, _OPTIONS_HINT),
    "invalid_params": Verdict(RequestRefused, _OPTIONS_HINT),
    "invalid_file_upload": Verdict(VideoRefused, _VIDEO_HINT, _NOT_ACCEPTED),
    UNKNOWN_PUBLISH_ID: Verdict(RequestRefused, "Look in the TikTok app whether it was posted"),
    "token_not_authorized_for_specified_publish_id": Verdict(
        RequestRefused, "Connect the TikTok account with which the post was started"
    ),
    "publish_not_cancellable": Verdict(RequestRefused),
    "app_version_check_failed": Verdict(AccountRefused, "Update the TikTok app on the phone"),
    "internal_error": Verdict(Transient, reason="TikTok has an internal error"),
}

#: The HTTP status, for an unknown code. Any 5xx is `Transient`.
HTTP_STATUSES: Mapping[int, Verdict] = {
    401: Verdict(TokenExpired),
    408: Verdict(Transient),
    429: Verdict(RateLimited, wait_seconds=MINUTE_SECONDS),
}

#: Any other error with a code in its body.
UNKNOWN_ERROR = Verdict(RequestRefused)

#: `fail_reason` of status FAILED: nothing was posted.
FAILURES: Mapping[str, Verdict] = {
    "file_format_check_failed": Verdict(VideoRefused, _VIDEO_HINT, _NOT_ACCEPTED),
    "duration_check_failed": Verdict(
        VideoRefused,
        "Cut the video to the length TikTok allows",
        "TikTok does not accept the video's length",
    ),
    "frame_rate_check_failed": Verdict(
        VideoRefused,
        "Export the video with 23 to 60 frames a second",
        "TikTok does not accept the video's frame rate",
    ),
    "picture_size_check_failed": Verdict(
        VideoRefused,
        "Export the video with sides of 360 to 4096 pixels",
        "TikTok does not accept the size of the picture",
    ),
    "video_bitrate_check_failed": Verdict(VideoRefused, "Export the video with another bitrate"),
    "internal": Verdict(UploadGone),
    "video_pull_failed": Verdict(UploadGone),
    "photo_pull_failed": Verdict(UploadGone),
    "publish_cancelled": Verdict(
        RequestRefused, "Publish it again if that was not intended", "it was cancelled on TikTok"
    ),
    # This concerns the consent at that time; the next call with a token shows the current one.
    "auth_removed": Verdict(AccountRefused, _RECONNECT_HINT, _NOT_GRANTED),
    "spam_risk_too_many_posts": Verdict(
        RateLimited, _DAILY_CAP_HINT, _DAILY_CAP, wait_seconds=DAY_SECONDS
    ),
    "spam_risk_user_banned_from_posting": Verdict(AccountRefused, _BANNED_HINT, _BANNED),
    "spam_risk_text": Verdict(
        RequestRefused, "Change the caption", "TikTok considers the caption spam"
    ),
    "spam_risk": Verdict(RequestRefused, _REJECTED_HINT, _REJECTED),
}
UNKNOWN_FAILURE = Verdict(RequestRefused, _REJECTED_HINT)

#: Our OAuth client is misconfigured: every account fails alike.
_CLIENT_REFUSED = Verdict(
    RequestRefused,
    _OPERATOR_HINT,
    "TikTok refuses this service's own client",
    application_wide=True,
)

#: `error` of the token endpoint, which comes with HTTP 200.
OAUTH_ERRORS: Mapping[str, Verdict] = {
    "access_denied": Verdict(AccountRefused, _RECONNECT_HINT, _NOT_GRANTED, reconnect=True),
    "invalid_grant": Verdict(AccountRefused, _RECONNECT_HINT, _NOT_GRANTED, reconnect=True),
    "invalid_client": _CLIENT_REFUSED,
    "invalid_request": _CLIENT_REFUSED,
    "invalid_scope": _CLIENT_REFUSED,
    "unauthorized_client": _CLIENT_REFUSED,
    "unsupported_grant_type": _CLIENT_REFUSED,
    "unsupported_response_type": _CLIENT_REFUSED,
    "server_error": Verdict(Transient),
    "temporarily_unavailable": Verdict(Transient),
    "rate_limit_exceeded": Verdict(RateLimited, wait_seconds=MINUTE_SECONDS),
}
UNKNOWN_OAUTH_ERROR = Verdict(RequestRefused, _OPERATOR_HINT)
NOT_CONNECTED = OAUTH_ERRORS["invalid_grant"]
PUBLISH_SCOPE_MISSING = ERRORS[SCOPE_MISSING]

PUBLISH_SCOPE = "video.publish"
LIST_SCOPE = "video.list"
