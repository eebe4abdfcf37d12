"""YouTube's error reasons (docs: Errors, Core errors, Videos: insert, OAuth 2.0).

Session URIs answer without a reason when they are gone; `session…` names are the sandbox's own.
"""

from sandbox.core.errors import ErrorSpec, FailReason, table

INSERT = ("youtube.session",)
PUTS = ("youtube.upload", "youtube.status_query")
METADATA = ("youtube.session", "youtube.update")
READS = ("youtube.channels", "youtube.videos", "youtube.playlist_items", "youtube.stats")
WRITES = ("youtube.session", "youtube.update", "youtube.delete", "youtube.thumbnail")
METERED = READS + WRITES
ANY = METERED + PUTS
ONE_VIDEO = ("youtube.update", "youtube.delete", "youtube.thumbnail")
OAUTH = ("youtube.token", "youtube.revoke")


def _bad(code: str, calls: tuple[str, ...] = METADATA, message: str = "") -> ErrorSpec:
    return ErrorSpec(code, 400, calls, message or "The request metadata is invalid.")


def _forbidden(code: str, calls: tuple[str, ...] = METERED, message: str = "") -> ErrorSpec:
    return ErrorSpec(code, 403, calls, message or "The request is not permitted.")


def _oauth(code: str, status: int = 400, message: str = "") -> ErrorSpec:
    return ErrorSpec(code, status, OAUTH, message or "Bad Request")


ERRORS = table(
    _bad("invalidTitle", message="The video title is invalid or empty."),
    _bad("invalidDescription"),
    _bad("invalidTags"),
    _bad("invalidCategoryId"),
    _bad("invalidPublishAt"),
    _bad("invalidFilename", INSERT),
    _bad("invalidRecordingDetails"),
    _bad("invalidVideoGameRating"),
    _bad("invalidVideoMetadata"),
    _bad("defaultLanguageNotSet"),
    _bad("mediaBodyRequired", ("youtube.session", "youtube.thumbnail")),
    _bad("invalidValue", ANY),
    _bad("badRequest", ANY),
    _bad("uploadLimitExceeded", INSERT, "The channel has reached its upload limit."),
    ErrorSpec("authError", 401, ANY, "Invalid Credentials"),
    ErrorSpec("expired", 401, ANY, "The access token expired."),
    ErrorSpec("authorizationRequired", 401, ANY, "Login Required."),
    ErrorSpec("youtubeSignupRequired", 401, METERED, "The account has no channel."),
    _forbidden("quotaExceeded", ANY, "The quota for today is used up."),
    _forbidden("dailyLimitExceeded", ANY, "The daily limit is reached."),
    _forbidden("rateLimitExceeded", ANY, "Too many requests."),
    _forbidden("userRateLimitExceeded", ANY, "Too many requests of this user."),
    ErrorSpec(
        "RESOURCE_EXHAUSTED",
        429,
        INSERT,
        "Quota exceeded for quota metric 'Video uploads' and limit 'Video uploads per day'.",
    ),
    ErrorSpec("uploadRateLimitExceeded", 429, ("youtube.thumbnail",), "Too many thumbnails."),
    _forbidden("forbidden"),
    _forbidden("forbiddenPrivacySetting", METADATA),
    _forbidden("forbiddenLicenseSetting", METADATA),
    _forbidden("insufficientPermissions", message="Insufficient Permission"),
    _forbidden("accessNotConfigured", message="The API is not enabled for this project."),
    _forbidden("authenticatedUserNotChannel"),
    _forbidden("authenticatedUserAccountClosed"),
    _forbidden("authenticatedUserAccountSuspended"),
    _forbidden("accountDelegationForbidden"),
    ErrorSpec("videoNotFound", 404, ONE_VIDEO, "The video cannot be found."),
    ErrorSpec("playlistNotFound", 404, ("youtube.playlist_items",), "No such playlist."),
    ErrorSpec("ALREADY_EXISTS", 409, INSERT, "Requested entity already exists."),
    ErrorSpec("sessionNotFound", 404, PUTS, "Not Found"),
    ErrorSpec("sessionGone", 410, PUTS, "Gone"),
    ErrorSpec("sessionLengthRequired", 411, PUTS, "Length Required"),
    ErrorSpec("sessionTooLarge", 413, PUTS, "Request Entity Too Large"),
    ErrorSpec("sessionRange", 416, PUTS, "Requested Range Not Satisfiable"),
    ErrorSpec("internalError", 500, ANY, "Internal error"),
    ErrorSpec("badGateway", 502, ANY, "Bad Gateway"),
    ErrorSpec("backendError", 503, ANY, "Backend Error"),
    ErrorSpec("gatewayTimeout", 504, ANY, "Gateway Timeout"),
    _oauth("invalid_grant", message="Token has been expired or revoked."),
    _oauth("invalid_client", 401, "The OAuth client was not found."),
    _oauth("deleted_client", 401, "The OAuth client was deleted."),
    _oauth("unauthorized_client", 401, "Unauthorized"),
    _oauth("org_internal", 403),
    _oauth("admin_policy_enforced", 400),
    _oauth("invalid_rapt", 400, "reauth related error (invalid_rapt)"),
    _oauth("invalid_request", 400),
    _oauth("invalid_token", 400, "Token expired or revoked"),
    _oauth("unsupported_grant_type", 400, "Invalid grant_type"),
    _oauth("server_error", 500, "Internal error"),
)

FAILURES = ("codec", "conversion", "emptyFile", "invalidFile", "tooSmall", "uploadAborted")
REJECTIONS = (
    "claim",
    "copyright",
    "duplicate",
    "inappropriate",
    "legal",
    "length",
    "termsOfUse",
    "trademark",
    "uploaderAccountClosed",
    "uploaderAccountSuspended",
)
PROCESSING_FAILURES = ("uploadFailed", "transcodeFailed", "streamingFailed", "other")
FAIL_REASONS = {
    code: FailReason(code, group)
    for group, codes in (
        ("failureReason", FAILURES),
        ("rejectionReason", REJECTIONS),
        ("processingFailureReason", PROCESSING_FAILURES),
    )
    for code in codes
}
