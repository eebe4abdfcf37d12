"""TikTok's error codes as data: what each one means to us. Compared exactly, never by substring.

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

#: The limits per minute are sliding windows, and no Retry-After is documented.
#: https://developers.tiktok.com/doc/tiktok-api-v2-rate-limit
MINUTE_SECONDS = 60
#: The daily caps roll over 24 hours and TikTok does not say when the next post fits: ask again
#: after a while, which costs no post. https://developers.tiktok.com/doc/content-sharing-guidelines
DAILY_CAP_PROBE_SECONDS = 2 * 3600
DAY_SECONDS = 86_400

_CONNECT_AGAIN = "Connect the TikTok account again"
_GRANT_ALL = "Connect the TikTok account again and leave every permission ticked"
_ASK_OPERATOR = "Ask the operator of this service to check its TikTok app settings"
_BANNED = "Look in the TikTok app why the account may not post"
_OTHER_FILE = "Export the video again, as MP4 with H.264, and upload that file"
_OTHER_POST = "Check the video and the caption against TikTok's community guidelines"
_CHECK_OPTIONS = "Check the caption, the privacy and the options"
_DRAFTS = "Finish or delete the drafts that wait in the TikTok app"
_WAIT_TO_POST = "TikTok takes only so many posts a day from an account"

#: A publish id that TikTok does not know, or not any more.
FORGOTTEN = "invalid_publish_id"

#: `error.code` of every call but those of OAuth.
ERRORS: Mapping[str, Verdict] = {
    "access_token_invalid": Verdict(TokenExpired),
    "scope_not_authorized": Verdict(AccountRefused, _GRANT_ALL, reconnect=True),
    "scope_permission_missed": Verdict(RequestRefused, _ASK_OPERATOR),
    "rate_limit_exceeded": Verdict(RateLimited, wait_seconds=MINUTE_SECONDS, blocks_reads=True),
    "spam_risk_too_many_posts": Verdict(
        RateLimited, _WAIT_TO_POST, wait_seconds=DAILY_CAP_PROBE_SECONDS
    ),
    "spam_risk_too_many_pending_share": Verdict(
        RateLimited, _DRAFTS, wait_seconds=DAILY_CAP_PROBE_SECONDS
    ),
    "spam_risk_user_banned_from_posting": Verdict(AccountRefused, _BANNED),
    "spam_risk": Verdict(RequestRefused, _OTHER_POST),
    "reached_active_user_cap": Verdict(
        RateLimited, wait_seconds=DAILY_CAP_PROBE_SECONDS, application_wide=True
    ),
    "unaudited_client_can_only_post_to_private_accounts": Verdict(
        RequestRefused,
        "TikTok has not audited this app yet: set the TikTok account to private and post privately",
    ),
    "url_ownership_unverified": Verdict(RequestRefused, _ASK_OPERATOR),
    "privacy_level_option_mismatch": Verdict(
        RequestRefused, "Choose a privacy that the account allows: a private one posts privately"
    ),
    "invalid_param": Verdict(RequestRefused, _CHECK_OPTIONS),
    "invalid_params": Verdict(RequestRefused, _CHECK_OPTIONS),
    "invalid_file_upload": Verdict(VideoRefused, _OTHER_FILE),
    FORGOTTEN: Verdict(RequestRefused, "Look in the TikTok app whether it was posted"),
    "token_not_authorized_for_specified_publish_id": Verdict(
        RequestRefused, "Connect the TikTok account that the post was begun with"
    ),
    "publish_not_cancellable": Verdict(RequestRefused),
    "app_version_check_failed": Verdict(AccountRefused, "Update the TikTok app on the phone"),
    "internal_error": Verdict(Transient),
}

#: The HTTP status, where the body is TikTok's and its code is unknown, or where only the status
#: can be trusted. Any 5xx is `Transient`.
HTTP_STATUSES: Mapping[int, Verdict] = {
    401: Verdict(TokenExpired),
    408: Verdict(Transient),
    429: Verdict(RateLimited, wait_seconds=MINUTE_SECONDS),
}

#: Any other refusal with a code in its body.
UNKNOWN_REFUSAL = Verdict(RequestRefused)

#: `fail_reason` of a publish whose status is FAILED: nothing was posted.
FAILURES: Mapping[str, Verdict] = {
    "file_format_check_failed": Verdict(VideoRefused, _OTHER_FILE),
    "duration_check_failed": Verdict(VideoRefused, "Cut the video to the length TikTok allows"),
    "frame_rate_check_failed": Verdict(VideoRefused, "Export it with 23 to 60 frames a second"),
    "picture_size_check_failed": Verdict(
        VideoRefused, "Export the video with sides of 360 to 4096 pixels"
    ),
    "video_bitrate_check_failed": Verdict(VideoRefused, "Export the video with another bit rate"),
    "internal": Verdict(UploadGone),
    "video_pull_failed": Verdict(UploadGone),
    "photo_pull_failed": Verdict(UploadGone),
    "publish_cancelled": Verdict(RequestRefused, "Publish it again if that was not meant"),
    # Of the consent at that time: whether there is one now, the next call with a token tells.
    "auth_removed": Verdict(AccountRefused, _CONNECT_AGAIN),
    "spam_risk_too_many_posts": Verdict(RateLimited, _WAIT_TO_POST, wait_seconds=DAY_SECONDS),
    "spam_risk_user_banned_from_posting": Verdict(AccountRefused, _BANNED),
    "spam_risk_text": Verdict(RequestRefused, "Change the caption: TikTok takes it for spam"),
    "spam_risk": Verdict(RequestRefused, _OTHER_POST),
}
UNKNOWN_FAILURE = Verdict(RequestRefused, _OTHER_POST)

#: Our own configuration: no account is to blame, and no other will fare better meanwhile.
_OUR_FAULT = Verdict(RequestRefused, _ASK_OPERATOR, application_wide=True)

#: `error` of the token endpoint, which answers HTTP 200 with it.
OAUTH_ERRORS: Mapping[str, Verdict] = {
    "access_denied": Verdict(AccountRefused, _CONNECT_AGAIN, reconnect=True),
    "invalid_grant": Verdict(AccountRefused, _CONNECT_AGAIN, reconnect=True),
    "invalid_client": _OUR_FAULT,
    "invalid_request": _OUR_FAULT,
    "invalid_scope": _OUR_FAULT,
    "unauthorized_client": _OUR_FAULT,
    "unsupported_grant_type": _OUR_FAULT,
    "unsupported_response_type": _OUR_FAULT,
    "server_error": Verdict(Transient),
    "temporarily_unavailable": Verdict(Transient),
    "rate_limit_exceeded": Verdict(RateLimited, wait_seconds=MINUTE_SECONDS),
}
UNKNOWN_OAUTH_ERROR = Verdict(RequestRefused, _ASK_OPERATOR)

PUBLISH_SCOPE = "video.publish"
LIST_SCOPE = "video.list"
