"""YouTube's error codes as data: what each one means to us. Compared exactly, never by substring.

https://developers.google.com/youtube/v3/docs/errors
https://developers.google.com/youtube/v3/docs/core_errors
https://developers.google.com/identity/protocols/oauth2

A `RateLimited` without `wait_seconds` is a daily quota: it is whole again at midnight Pacific.
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

_CONNECT_AGAIN = "Connect the YouTube account again"
_GRANT_ALL = "Connect the YouTube account again and leave every permission ticked"
_NO_CHANNEL = "Create a YouTube channel for this Google account, then connect it again"
_UNBLOCK = "Look in YouTube Studio whether the channel may upload"
_ASK_OPERATOR = "Ask the operator of this service to check its Google API settings"
_ASK_ADMIN = "Ask the Google Workspace administrator to allow this app"
_OTHER_FILE = "Export the video again, as MP4 with H.264 and AAC, and upload that file"
_GUIDELINES = "Look in YouTube Studio why the video was rejected"

#: `errors[0].reason` of a Data API refusal.
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
    "uploadLimitExceeded": Verdict(RateLimited, wait_seconds=DAY_SECONDS),
    "authError": Verdict(TokenExpired),
    "expired": Verdict(TokenExpired),
    "authorizationRequired": Verdict(TokenExpired),
    "youtubeSignupRequired": Verdict(AccountRefused, _NO_CHANNEL),
    "quotaExceeded": Verdict(RateLimited, application_wide=True),
    "dailyLimitExceeded": Verdict(RateLimited, application_wide=True),
    "rateLimitExceeded": Verdict(RateLimited, wait_seconds=MINUTE_SECONDS, blocks_reads=True),
    "userRateLimitExceeded": Verdict(RateLimited, wait_seconds=MINUTE_SECONDS, blocks_reads=True),
    "uploadRateLimitExceeded": Verdict(RateLimited, wait_seconds=MINUTE_SECONDS),
    "forbidden": Verdict(AccountRefused, _UNBLOCK),
    "forbiddenPrivacySetting": Verdict(RequestRefused, "Choose another privacy level"),
    "forbiddenLicenseSetting": Verdict(RequestRefused, "Choose the standard YouTube license"),
    "insufficientPermissions": Verdict(AccountRefused, _GRANT_ALL, reconnect=True),
    "accessNotConfigured": Verdict(RequestRefused, _ASK_OPERATOR),
    "authenticatedUserNotChannel": Verdict(AccountRefused, _NO_CHANNEL),
    "authenticatedUserAccountClosed": Verdict(
        AccountRefused, "The YouTube account is closed: connect another one"
    ),
    "authenticatedUserAccountSuspended": Verdict(
        AccountRefused, "The YouTube account is suspended: appeal to YouTube"
    ),
    "accountDelegationForbidden": Verdict(
        AccountRefused, "Connect the channel's own Google account"
    ),
    "playlistNotFound": Verdict(RequestRefused),
    "videoNotFound": Verdict(RequestRefused, "Look in YouTube Studio whether it was deleted"),
    "internalError": Verdict(Transient),
    "backendError": Verdict(Transient),
}

#: `error.status`, for a refusal whose reason is missing or unknown.
STATUSES: Mapping[str, Verdict] = {
    "UNAUTHENTICATED": Verdict(TokenExpired),
    "RESOURCE_EXHAUSTED": Verdict(RateLimited, application_wide=True),
    "PERMISSION_DENIED": Verdict(AccountRefused, _UNBLOCK),
    "INVALID_ARGUMENT": Verdict(RequestRefused, "Check the post's text and options"),
    "FAILED_PRECONDITION": Verdict(RequestRefused),
    "NOT_FOUND": Verdict(RequestRefused),
    "ALREADY_EXISTS": Verdict(Transient),
    "ABORTED": Verdict(Transient),
    "INTERNAL": Verdict(Transient),
    "UNAVAILABLE": Verdict(Transient),
    "DEADLINE_EXCEEDED": Verdict(Transient),
}

#: What Google's message says of a quota of the whole day, of which neither reason nor status are
#: sure to tell the difference from one of a minute.
DAILY_QUOTA = "per day"

#: The HTTP status, where the body names nothing that we know.
HTTP_STATUSES: Mapping[int, Verdict] = {
    401: Verdict(TokenExpired),
    403: Verdict(AccountRefused, _UNBLOCK),
    408: Verdict(Transient),
    409: Verdict(Transient),
    411: Verdict(RequestRefused),
    413: Verdict(RequestRefused),
    416: Verdict(RequestRefused),
    429: Verdict(RateLimited, wait_seconds=MINUTE_SECONDS),
}

#: Those that mean what they say even without a word of YouTube's own in the body.
STATUS_SAYS_IT = frozenset({401, 411, 413, 416, 429})

#: Any other refusal with an error object in its body: 4xx, and 5xx.
UNKNOWN_REFUSAL = Verdict(RequestRefused)
UNKNOWN_TROUBLE = Verdict(Transient)

#: `status.failureReason` of a video that could not be processed.
#: https://developers.google.com/youtube/v3/docs/videos
FAILURES: Mapping[str, Verdict] = {
    "codec": Verdict(VideoRefused, _OTHER_FILE),
    "conversion": Verdict(VideoRefused, _OTHER_FILE),
    "emptyFile": Verdict(VideoRefused, "The file is empty: upload the video again"),
    "invalidFile": Verdict(VideoRefused, _OTHER_FILE),
    "tooSmall": Verdict(VideoRefused, "The video is too small for YouTube: export it larger"),
    "uploadAborted": Verdict(VideoRefused, "Publish the video again"),
}
UNKNOWN_FAILURE = Verdict(VideoRefused, _OTHER_FILE)

#: `processingDetails.processingFailureReason`.
PROCESSING_FAILURES: Mapping[str, Verdict] = {
    "uploadFailed": Verdict(VideoRefused, "Publish the video again"),
    "transcodeFailed": Verdict(VideoRefused, _OTHER_FILE),
    "streamingFailed": Verdict(VideoRefused, _OTHER_FILE),
    "other": Verdict(VideoRefused, _OTHER_FILE),
}

#: `status.rejectionReason` of a video that YouTube took down.
REJECTIONS: Mapping[str, Verdict] = {
    "claim": Verdict(RequestRefused, "Someone claims the content: see YouTube Studio"),
    "copyright": Verdict(RequestRefused, "Remove what others own: see YouTube Studio"),
    "duplicate": Verdict(RequestRefused, "The channel already has this very video"),
    "inappropriate": Verdict(RequestRefused, _GUIDELINES),
    "legal": Verdict(RequestRefused, _GUIDELINES),
    "length": Verdict(
        VideoRefused, "Verify the channel by phone, or keep the video within 15 minutes"
    ),
    "termsOfUse": Verdict(RequestRefused, _GUIDELINES),
    "trademark": Verdict(RequestRefused, "Remove the trademark: see YouTube Studio"),
    "uploaderAccountClosed": Verdict(
        AccountRefused, "The YouTube account is closed: connect another one"
    ),
    "uploaderAccountSuspended": Verdict(
        AccountRefused, "The YouTube account is suspended: appeal to YouTube"
    ),
}
UNKNOWN_REJECTION = Verdict(RequestRefused, _GUIDELINES)

#: Our own client: no account is to blame, and no other will fare better meanwhile. Google's other
#: refusals may be of a token that another client was given.
_OUR_FAULT = Verdict(RequestRefused, _ASK_OPERATOR, application_wide=True)

#: `error_subtype` (looked at first) and `error` of the token endpoint.
OAUTH_ERRORS: Mapping[str, Verdict] = {
    "invalid_rapt": Verdict(
        AccountRefused, f"{_CONNECT_AGAIN}: its administrator wants a new sign-in", reconnect=True
    ),
    "invalid_grant": Verdict(AccountRefused, _CONNECT_AGAIN, reconnect=True),
    "admin_policy_enforced": Verdict(AccountRefused, _ASK_ADMIN),
    "org_internal": Verdict(RequestRefused, _ASK_OPERATOR),
    "invalid_client": _OUR_FAULT,
    "deleted_client": _OUR_FAULT,
    "unauthorized_client": Verdict(RequestRefused, _ASK_OPERATOR),
    "invalid_request": Verdict(RequestRefused, _ASK_OPERATOR),
    "invalid_scope": Verdict(RequestRefused, _ASK_OPERATOR),
    "unsupported_grant_type": Verdict(RequestRefused, _ASK_OPERATOR),
    "internal_failure": Verdict(Transient),
    "server_error": Verdict(Transient),
    "temporarily_unavailable": Verdict(Transient),
    "rate_limit_exceeded": Verdict(RateLimited, wait_seconds=MINUTE_SECONDS),
}
UNKNOWN_OAUTH_ERROR = Verdict(RequestRefused, _ASK_OPERATOR)

#: Scopes of which one is needed to upload, and those that can do it.
#: https://developers.google.com/youtube/v3/docs/videos/insert
UPLOAD_SCOPES = frozenset(
    f"https://www.googleapis.com/auth/{name}"
    for name in ("youtube.upload", "youtube", "youtube.force-ssl")
)
UPLOAD_SCOPE_MISSING = Verdict(AccountRefused, _GRANT_ALL, reconnect=True)
NO_CHANNEL = REASONS["youtubeSignupRequired"]
NOT_CONNECTED = OAUTH_ERRORS["invalid_grant"]
READ_SCOPES = frozenset(
    f"https://www.googleapis.com/auth/{name}"
    for name in ("youtube.readonly", "youtube", "youtube.force-ssl")
)
