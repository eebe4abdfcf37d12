"""TikTok's error codes and fail reasons (docs: Direct Post, Query Creator Info, OAuth errors).

The upload host's refusals carry no code; the names `upload_…` are the sandbox's own.
"""

from sandbox.core.errors import ErrorSpec, FailReason, table

ASKING = ("tiktok.creator_info", "tiktok.init")
STARTING = ("tiktok.init", "tiktok.inbox_init")
ABOUT_ONE_PUBLISH = ("tiktok.status", "tiktok.cancel")
READING_VIDEOS = ("tiktok.video_query", "tiktok.video_list")
WITH_TOKEN = (
    "tiktok.user_info",
    "tiktok.creator_info",
    *STARTING,
    *ABOUT_ONE_PUBLISH,
    *READING_VIDEOS,
)
OAUTH = ("tiktok.token", "tiktok.revoke")
UPLOAD = ("tiktok.upload",)
_SOFT = {"tiktok.creator_info": 200}  # this call refuses with HTTP 200

ERRORS = table(
    ErrorSpec("access_token_invalid", 401, WITH_TOKEN, "The access token is invalid or expired."),
    ErrorSpec("scope_not_authorized", 401, WITH_TOKEN, "The user did not authorize the scope."),
    ErrorSpec("scope_permission_missed", 400, ("tiktok.user_info",), "A field needs more scopes."),
    ErrorSpec("rate_limit_exceeded", 429, WITH_TOKEN, "Too many requests."),
    ErrorSpec("spam_risk_too_many_posts", 403, ASKING, "The daily post cap is reached.", _SOFT),
    ErrorSpec("spam_risk_user_banned_from_posting", 403, ASKING, "The user may not post.", _SOFT),
    ErrorSpec("reached_active_user_cap", 403, ASKING, "The daily user quota is used up.", _SOFT),
    ErrorSpec("spam_risk_too_many_pending_share", 403, ("tiktok.inbox_init",), "Too many drafts."),
    ErrorSpec("spam_risk", 403, STARTING, "Please review our integration guidelines."),
    ErrorSpec(
        "unaudited_client_can_only_post_to_private_accounts",
        403,
        ("tiktok.init",),
        "Please review our integration guidelines.",
    ),
    ErrorSpec("url_ownership_unverified", 403, STARTING, "The URL's owner is not verified."),
    ErrorSpec(
        "privacy_level_option_mismatch", 403, ("tiktok.init",), "Not one of the creator's options."
    ),
    ErrorSpec("invalid_param", 400, WITH_TOKEN, "A parameter is invalid."),
    ErrorSpec("invalid_params", 400, WITH_TOKEN, "The request parameters are invalid."),
    ErrorSpec("invalid_file_upload", 400, STARTING, "The file does not meet our requirements."),
    ErrorSpec("invalid_publish_id", 400, ABOUT_ONE_PUBLISH, "No such publish id."),
    ErrorSpec(
        "token_not_authorized_for_specified_publish_id",
        400,
        ABOUT_ONE_PUBLISH,
        "The publish id belongs to another user.",
    ),
    ErrorSpec("publish_not_cancellable", 400, ("tiktok.cancel",), "It cannot be cancelled."),
    ErrorSpec(
        "app_version_check_failed", 400, ("tiktok.inbox_init",), "The user's app is too old."
    ),
    ErrorSpec("internal_error", 500, WITH_TOKEN, "Something went wrong."),
    ErrorSpec("access_denied", 200, OAUTH, "The user denied the request."),
    ErrorSpec("invalid_client", 200, OAUTH, "Client key or secret is incorrect."),
    ErrorSpec("invalid_grant", 200, OAUTH, "Refresh token is invalid or expired."),
    ErrorSpec("invalid_request", 200, OAUTH, "The request parameters are malformed."),
    ErrorSpec("invalid_scope", 200, OAUTH, "The requested scope is invalid."),
    ErrorSpec("unauthorized_client", 200, OAUTH, "The client may not use this grant."),
    ErrorSpec("unsupported_grant_type", 200, OAUTH, "The grant type is not supported."),
    ErrorSpec("unsupported_response_type", 200, OAUTH, "The response type is not supported."),
    ErrorSpec("server_error", 200, OAUTH, "Something went wrong."),
    ErrorSpec("temporarily_unavailable", 200, OAUTH, "Please try again later."),
    ErrorSpec("upload_bad_request", 400, UPLOAD, "The headers do not fit the upload."),
    ErrorSpec("upload_url_expired", 403, UPLOAD, "The upload URL has expired."),
    ErrorSpec("upload_not_found", 404, UPLOAD, "No such upload."),
    ErrorSpec("upload_out_of_range", 416, UPLOAD, "The range does not continue the upload."),
    ErrorSpec("upload_server_error", 500, UPLOAD, "Something went wrong."),
)

_REASONS = (
    "file_format_check_failed",
    "duration_check_failed",
    "frame_rate_check_failed",
    "picture_size_check_failed",
    "video_bitrate_check_failed",
    "internal",
    "video_pull_failed",
    "photo_pull_failed",
    "publish_cancelled",
    "auth_removed",
    "spam_risk_too_many_posts",
    "spam_risk_user_banned_from_posting",
    "spam_risk_text",
    "spam_risk",
)
FAIL_REASONS = {code: FailReason(code) for code in _REASONS}
