"""YouTube's error codes as data: what each means to us. Codes are compared exactly.

https://developers.google.com/youtube/v3/docs/errors
https://developers.google.com/youtube/v3/docs/core_errors
https://developers.google.com/identity/protocols/oauth2

A `RateLimited` without `wait_seconds` is a daily quota, which resets at midnight Pacific.
https://developers.google.com/youtube/v3/determine_quota_cost
"""

from __future__ import annotations

from collections.abc import Mapping

from workers.errors import (
    AccountRefused,
    RateLimited,
    RequestRefused,
    TokenExpired,
    Transient,
    VideoRefused,
)
from workers.platforms.verdicts import Verdict

MINUTE_SECONDS = 60
DAY_SECONDS = 86_400

_RECONNECT_HINT = "Connect the YouTube account again"
_GRANT_ALL_HINT = "Connect the YouTube account again and leave every permission ticked"
_CREATE_CHANNEL_HINT = "Create a YouTube channel for this Google account, then connect it again"
_CHECK_STUDIO_HINT = "Look in YouTube Studio whether the channel may upload"
_OPERATOR_HINT = "Ask the operator of this service to check its Google API settings"
_ADMIN_HINT = "Ask the Google Workspace administrator to allow this app"
_VIDEO_HINT = "Export the video again, as MP4 with H.264 and AAC, and upload that file"
_REJECTED_HINT = "Look in YouTube Studio why the video was rejected"

_NOT_GRANTED = "Google no longer grants access to this account"
_NOT_PERMITTED = "the Google account has not given a permission that publishing needs"
_NO_CHANNEL = "the Google account has no YouTube channel"
_FORBIDDEN = "YouTube does not let this channel do that"
_WAITS = "YouTube asks to wait for a minute"
_CLOSED = "the YouTube account is closed"
_SUSPENDED = "the YouTube account is suspended"

DAILY_QUOTA = Verdict(
    RateLimited,
    "The post goes out by itself when the quota resets, at midnight Pacific time",
    "this service's daily quota of YouTube is used up",
    application_wide=True,
)
_SHORT_QUOTA = Verdict(RateLimited, "", _WAITS, wait_seconds=MINUTE_SECONDS, blocks_reads=True)

#: `errors[0].reason` of a Data API error.
REASONS: Mapping[str, Verdict] = {
    "invalidTitle": Verdict(
        RequestRefused, "Give a title of at most 100 characters, without < and >"
    ),
    "invalidDescription": Verdict(
        RequestRefused, "Shorten the description to 5000 bytes and leave out < and >"
    ),
    "invalidTags": Verdict(RequestRefused, "Use fewer or shorter tags: 500 characters in all"),
    "invalidCategoryId": Verdict(
        RequestRefused, "Choose a category that YouTube offers in the channel's country"
    ),
    "invalidPublishAt": Verdict(RequestRefused, "Choose another time"),
    "invalidFilename": Verdict(RequestRefused, "Give the file another name"),
    "invalidRecordingDetails": Verdict(RequestRefused, "Check the recording date"),
    "invalidVideoGameRating": Verdict(RequestRefused),
    "invalidVideoMetadata": Verdict(RequestRefused, "Check title, category and description"),
    "defaultLanguageNotSet": Verdict(RequestRefused, "Set defaultLanguage"),
    "mediaBodyRequired": Verdict(RequestRefused),
    "invalidValue": Verdict(RequestRefused, "Check the post's options"),
    "badRequest": Verdict(RequestRefused, "Check the post's text and options"),
    "uploadLimitExceeded": Verdict(
        RateLimited,
        reason="YouTube accepts no more videos from this channel today",
        wait_seconds=DAY_SECONDS,
    ),
    "authError": Verdict(TokenExpired),
    "expired": Verdict(TokenExpired),
    "authorizationRequired": Verdict(TokenExpired),
    "youtubeSignupRequired": Verdict(AccountRefused, _CREATE_CHANNEL_HINT, _NO_CHANNEL),
    "quotaExceeded": DAILY_QUOTA,
    "dailyLimitExceeded": DAILY_QUOTA,
    "rateLimitExceeded": _SHORT_QUOTA,
    "userRateLimitExceeded": _SHORT_QUOTA,
    "uploadRateLimitExceeded": Verdict(RateLimited, "", _WAITS, wait_seconds=MINUTE_SECONDS),
    "forbidden": Verdict(AccountRefused, _CHECK_STUDIO_HINT, _FORBIDDEN),
    "forbiddenPrivacySetting": Verdict(RequestRefused, "Choose another privacy level"),
    "forbiddenLicenseSetting": Verdict(RequestRefused, "Choose the standard YouTube license"),
    "insufficientPermissions": Verdict(
        AccountRefused, _GRANT_ALL_HINT, _NOT_PERMITTED, reconnect=True
    ),
    "accessNotConfigured": Verdict(RequestRefused, _OPERATOR_HINT),
    "authenticatedUserNotChannel": Verdict(AccountRefused, _CREATE_CHANNEL_HINT, _NO_CHANNEL),
    "authenticatedUserAccountClosed": Verdict(AccountRefused, "Connect another one", _CLOSED),
    "authenticatedUserAccountSuspended": Verdict(AccountRefused, "Appeal to YouTube", _SUSPENDED),
    "accountDelegationForbidden": Verdict(
        AccountRefused, "Connect the channel's own Google account"
    ),
    "playlistNotFound": Verdict(RequestRefused),
    "videoNotFound": Verdict(RequestRefused, "Look in YouTube Studio whether it was deleted"),
    "internalError": Verdict(Transient),
    "backendError": Verdict(Transient),
}

#: `error.status`, for an error whose reason is missing or unknown.
GOOGLE_STATUSES: Mapping[str, Verdict] = {
    "UNAUTHENTICATED": Verdict(TokenExpired),
    "RESOURCE_EXHAUSTED": DAILY_QUOTA,  # unless the details name a shorter period
    "PERMISSION_DENIED": Verdict(AccountRefused, _CHECK_STUDIO_HINT, _FORBIDDEN),
    "INVALID_ARGUMENT": Verdict(RequestRefused, "Check the post's text and options"),
    "FAILED_PRECONDITION": Verdict(RequestRefused),
    "NOT_FOUND": Verdict(RequestRefused),
    "ALREADY_EXISTS": Verdict(Transient),
    "ABORTED": Verdict(Transient),
    "INTERNAL": Verdict(Transient),
    "UNAVAILABLE": Verdict(Transient),
    "DEADLINE_EXCEEDED": Verdict(Transient),
}

#: HTTP statuses of a quota that is used up.
QUOTA_HTTP_STATUSES = frozenset({403, 429})
#: The period in the `quota_unit` of the error's details, as in `1/d/{project}`. Neither reason nor
#: status reliably tells a daily quota from one per minute.
#: https://google.aip.dev/193
QUOTA_PERIODS: Mapping[str, Verdict] = {
    "s": _SHORT_QUOTA,
    "min": _SHORT_QUOTA,
    "d": DAILY_QUOTA,
}
#: Part of Google's message for a daily quota. Errors of the older format have no details, so for
#: these alone the message decides.
#: https://github.com/googleapis/google-api-python-client/issues/2753
DAILY_QUOTA_WORDS = "per day"

#: The HTTP status, for an error body that names nothing we know.
HTTP_STATUSES: Mapping[int, Verdict] = {
    401: Verdict(TokenExpired),
    403: Verdict(AccountRefused, _CHECK_STUDIO_HINT, _FORBIDDEN),
    408: Verdict(Transient),
    409: Verdict(Transient),
    411: Verdict(RequestRefused),
    413: Verdict(RequestRefused),
    416: Verdict(RequestRefused),
    429: Verdict(RateLimited, wait_seconds=MINUTE_SECONDS),
}

#: HTTP statuses that count even without an error object in the body.
UNAMBIGUOUS_HTTP_STATUSES = frozenset({411, 413, 416, 429})

#: Any other error object in the body: with a 4xx status, and with a 5xx.
UNKNOWN_ERROR = Verdict(RequestRefused)
UNKNOWN_SERVER_ERROR = Verdict(Transient)

#: `status.failureReason` of a video that could not be processed.
#: https://developers.google.com/youtube/v3/docs/videos
FAILURES: Mapping[str, Verdict] = {
    "codec": Verdict(VideoRefused, _VIDEO_HINT),
    "conversion": Verdict(VideoRefused, _VIDEO_HINT),
    "emptyFile": Verdict(VideoRefused, "The file is empty: upload the video again"),
    "invalidFile": Verdict(VideoRefused, _VIDEO_HINT),
    "tooSmall": Verdict(VideoRefused, "The video is too small for YouTube: export it larger"),
    "uploadAborted": Verdict(VideoRefused, "Publish the video again"),
}
UNKNOWN_FAILURE = Verdict(VideoRefused, _VIDEO_HINT)

#: `processingDetails.processingFailureReason`.
PROCESSING_FAILURES: Mapping[str, Verdict] = {
    "uploadFailed": Verdict(VideoRefused, "Publish the video again"),
    "transcodeFailed": Verdict(VideoRefused, _VIDEO_HINT),
    "streamingFailed": Verdict(VideoRefused, _VIDEO_HINT),
    "other": Verdict(VideoRefused, _VIDEO_HINT),
}

#: `status.rejectionReason` of a video that YouTube took down.
REJECTIONS: Mapping[str, Verdict] = {
    "claim": Verdict(RequestRefused, "Someone claims the content: see YouTube Studio"),
    "copyright": Verdict(RequestRefused, "Remove what others own: see YouTube Studio"),
    "duplicate": Verdict(RequestRefused, "The channel already has this very video"),
    "inappropriate": Verdict(RequestRefused, _REJECTED_HINT),
    "legal": Verdict(RequestRefused, _REJECTED_HINT),
    "length": Verdict(
        VideoRefused, "Verify the channel by phone, or keep the video within 15 minutes"
    ),
    "termsOfUse": Verdict(RequestRefused, _REJECTED_HINT),
    "trademark": Verdict(RequestRefused, "Remove the trademark: see YouTube Studio"),
    "uploaderAccountClosed": Verdict(AccountRefused, "Connect another one", _CLOSED),
    "uploaderAccountSuspended": Verdict(AccountRefused, "Appeal to YouTube", _SUSPENDED),
}
UNKNOWN_REJECTION = Verdict(RequestRefused, _REJECTED_HINT)

#: Our OAuth client is misconfigured: every account fails alike. Google's other refusals may
#: concern a token that was issued to another client.
_CLIENT_REFUSED = Verdict(
    RequestRefused,
    _OPERATOR_HINT,
    "Google refuses this service's own client",
    application_wide=True,
)

#: `error_subtype` (looked at first) and `error` of the token endpoint.
OAUTH_ERRORS: Mapping[str, Verdict] = {
    "invalid_rapt": Verdict(
        AccountRefused, f"{_RECONNECT_HINT}: its administrator wants a new sign-in", reconnect=True
    ),
    "invalid_grant": Verdict(AccountRefused, _RECONNECT_HINT, _NOT_GRANTED, reconnect=True),
    "admin_policy_enforced": Verdict(AccountRefused, _ADMIN_HINT),
    "org_internal": Verdict(RequestRefused, _OPERATOR_HINT),
    "invalid_client": _CLIENT_REFUSED,
    "deleted_client": _CLIENT_REFUSED,
    "unauthorized_client": Verdict(RequestRefused, _OPERATOR_HINT),
    "invalid_request": Verdict(RequestRefused, _OPERATOR_HINT),
    "invalid_scope": Verdict(RequestRefused, _OPERATOR_HINT),
    "unsupported_grant_type": Verdict(RequestRefused, _OPERATOR_HINT),
    "internal_failure": Verdict(Transient),
    "server_error": Verdict(Transient),
    "temporarily_unavailable": Verdict(Transient),
    "rate_limit_exceeded": Verdict(RateLimited, wait_seconds=MINUTE_SECONDS),
}
UNKNOWN_OAUTH_ERROR = Verdict(RequestRefused, _OPERATOR_HINT)

#: The scopes that allow uploads; one is enough.
#: https://developers.google.com/youtube/v3/docs/videos/insert
UPLOAD_SCOPES = frozenset(
    f"https://www.googleapis.com/auth/{name}"
    for name in ("youtube.upload", "youtube", "youtube.force-ssl")
)
UPLOAD_SCOPE_MISSING = Verdict(AccountRefused, _GRANT_ALL_HINT, _NOT_PERMITTED, reconnect=True)
NO_CHANNEL = REASONS["youtubeSignupRequired"]
NOT_CONNECTED = OAUTH_ERRORS["invalid_grant"]
#: The reason given for a call that none of the token's scopes allows.
SCOPE_MISSING = "insufficientPermissions"
#: The scopes that allow reads; one is enough.
READ_SCOPES = frozenset(
    f"https://www.googleapis.com/auth/{name}"
    for name in ("youtube.readonly", "youtube", "youtube.force-ssl")
)
