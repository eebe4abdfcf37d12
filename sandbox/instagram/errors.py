"""Instagram's error codes (docs: Instagram Platform error codes, Graph API error handling).

A code is written `code/subcode`, or `code` if there is no subcode. The upload host answers in
another format, without codes; the names `rupload_…` are the sandbox's own.
"""

from sandbox.core.errors import ErrorSpec, FailReason, table

CONTAINER = ("instagram.container",)
PUBLISH = ("instagram.publish",)
MAKING = CONTAINER + PUBLISH
CONTAINER_STATUS = ("instagram.container_status",)
ACCOUNT_READS = (
    "instagram.user",
    "instagram.pages",
    "instagram.permissions",
    "instagram.quota",
    "instagram.media_list",
)
MEDIA = ("instagram.media", "instagram.insights", "instagram.delete", "instagram.comments")
ANY = MAKING + CONTAINER_STATUS + ACCOUNT_READS + MEDIA
OAUTH = ("instagram.token",)
UPLOAD = ("instagram.upload",)

TRANSIENT = {"1", "2", "4", "17", "32", "613", "341", "80001", "80002", "-1/2207001"}
OAUTH_CODES = {"102", "190"}


def _publishing(code: str, message: str, calls: tuple[str, ...] = MAKING) -> ErrorSpec:
    return ErrorSpec(code, 400, calls, message)


def _graph(code: str, message: str, calls: tuple[str, ...] = ANY, status: int = 400) -> ErrorSpec:
    return ErrorSpec(code, status, calls, message)


ERRORS = table(
    _publishing("-2/2207003", "It takes too long to download the media."),
    _publishing("-2/2207020", "The media you are trying to access has expired."),
    _publishing("-1/2207001", "Instagram server error. Try again."),
    _publishing("-1/2207032", "Create media fail, please try to re-create media."),
    _publishing("-1/2207053", "Unknown upload error."),
    _publishing("1/2207057", "Thumbnail offset must be within the video.", CONTAINER),
    _publishing("4/2207051", "We restrict certain activity to protect our community."),
    _publishing("9/2207042", "You reached the maximum number of posts of the API.", PUBLISH),
    _publishing("24/2207006", "The media with this id cannot be found."),
    _publishing("24/2207008", "The media builder with this id cannot be found.", PUBLISH),
    _publishing("25/2207050", "The Instagram account is restricted."),
    _publishing("100/2207023", "The media type is unknown.", CONTAINER),
    _publishing("100/2207028", "The carousel's size is invalid.", CONTAINER),
    _publishing("100/2207035", "Product tag positions are not supported.", CONTAINER),
    _publishing("100/2207036", "Product tag positions are required.", CONTAINER),
    _publishing("100/2207037", "A product tag is invalid.", CONTAINER),
    _publishing("100/2207040", "Cannot use more than 20 mentions.", CONTAINER),
    _publishing("352/2207026", "The video format is not supported."),
    _publishing("9004/2207052", "The media could not be fetched from this URI."),
    _publishing("9007/2207027", "The media is not ready for publishing.", PUBLISH),
    _publishing("36000/2207004", "The image is too large.", CONTAINER),
    _publishing("36001/2207005", "The image format is not supported.", CONTAINER),
    _publishing("36003/2207009", "The image's aspect ratio is not supported.", CONTAINER),
    _publishing("36004/2207010", "The caption was too long.", CONTAINER),
    _publishing("-1/2207076", "Download failed."),
    _publishing("-1/2207077", "Processing failed."),
    _publishing("-1/2207082", "The media could not be processed."),
    _publishing("-1/2207081", "This account cannot make trial reels.", CONTAINER),
    _publishing("-1/2207085", "The video could not be processed."),
    _publishing(
        "INSTAGRAM_PLATFORM_API__INVALID_LOCATION_ID", "The location id is invalid.", CONTAINER
    ),
    _publishing("506", "Duplicate of a recent post."),
    _graph("1", "An unknown error occurred.", ANY + OAUTH),
    _graph("2", "Service temporarily unavailable.", ANY + OAUTH),
    _graph("3", "Application does not have the capability."),
    _graph("10", "Application does not have permission for this action."),
    _graph("200", "Requires a permission that was not granted."),
    _graph("299", "Requires a permission that was not granted."),
    _graph("4", "Application request limit reached."),
    _graph("17", "User request limit reached."),
    _graph("32", "Page request limit reached."),
    _graph("613", "Calls to this API have exceeded the rate limit."),
    _graph("341", "Application limit reached."),
    _graph("80001", "There have been too many calls to this Page account."),
    _graph("80002", "There have been too many calls to this Instagram account."),
    _graph("100", "Invalid parameter.", ANY + OAUTH),
    _graph("100/33", "The object does not exist or cannot be loaded."),
    _graph("102", "Session key invalid or no longer valid.", ANY, 401),
    _graph("190", "Invalid OAuth access token.", ANY + OAUTH, 401),
    _graph("190/458", "The user has not authorized the application.", ANY + OAUTH, 401),
    _graph("190/459", "The user has been checkpointed.", ANY + OAUTH, 401),
    _graph("190/460", "The session has been invalidated: password changed.", ANY + OAUTH, 401),
    _graph("190/463", "Session has expired.", ANY + OAUTH, 401),
    _graph("190/464", "The user is not confirmed.", ANY + OAUTH, 401),
    _graph("190/467", "The access token is invalid.", ANY + OAUTH, 401),
    _graph("190/492", "The user has no role on the Page.", ANY + OAUTH, 401),
    _graph("368", "The action was blocked for policy reasons."),
    _graph("2635", "You are calling an unavailable version of the Graph API.", ANY + OAUTH),
    _graph("internal", "Please reduce the amount of data, or try again.", ANY + OAUTH, 500),
    ErrorSpec("rupload_retriable", 500, UPLOAD, "The upload was interrupted."),
    ErrorSpec("rupload_not_retriable", 400, UPLOAD, "The upload could not be processed."),
    ErrorSpec("rupload_file_not_found", 400, UPLOAD, "FILE_NOT_FOUND (1363008)"),
    ErrorSpec("rupload_bad_token", 401, UPLOAD, "Invalid OAuth access token."),
    ErrorSpec("rupload_throttled", 429, UPLOAD, "Too many uploads."),
)

FAIL_REASONS = {
    subcode: FailReason(subcode, message)
    for subcode, message in (
        ("2207001", "Instagram server error."),
        ("2207003", "It takes too long to download the media."),
        ("2207020", "The media has expired."),
        ("2207026", "Unsupported format: the video format is not supported."),
        ("2207032", "Create media fail."),
        ("2207052", "The media could not be fetched from the URI."),
        ("2207053", "Unknown upload error."),
        ("2207057", "Thumbnail offset must be within the video."),
        ("2207076", "Media download has failed."),
        ("2207077", "Media processing has failed."),
        ("2207082", "Media upload has failed."),
        ("2207085", "Video processing has failed."),
    )
}
