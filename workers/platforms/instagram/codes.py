"""Instagram's error codes and what they mean to us. Pure data.

A verdict of `UploadGone` stands for "another container would help"; it is raised as such only
where the container itself is known to be dead.
"""

from __future__ import annotations

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

#: Throttled calls count within an hour; the answers seldom say for how long to stay away.
#: https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
THROTTLED_WAIT_SECONDS = 300
#: The publishing limit is a moving window of 24 h: places get free all the time.
#: https://developers.facebook.com/docs/instagram-platform/content-publishing
QUOTA_WAIT_SECONDS = 3600
#: An account whose posting was blocked is left alone for a day: each further try may prolong it.
#: https://developers.facebook.com/docs/graph-api/guides/error-handling
BLOCKED_PAUSE_SECONDS = 86400

RECONNECT_HINT = "Connect the Instagram account again"
PERMISSION_HINT = "Connect the account again and allow it to publish; it needs a role on its Page"
COVER_HINT = "Use a JPEG of at most 8 MB in a usual shape as the cover"
VIDEO_HINT = "Export the video again as MP4 with H.264 and AAC"
OPERATOR_HINT = "The operator must check this service's Meta app"

_ANOTHER = Verdict(UploadGone)
_REQUEST = Verdict(RequestRefused)
_COVER = Verdict(RequestRefused, hint=COVER_HINT)
_PERMISSION = Verdict(AccountRefused, hint=PERMISSION_HINT)
_THROTTLED = Verdict(RateLimited, wait_seconds=THROTTLED_WAIT_SECONDS, blocks_reads=True)
_APP_THROTTLED = Verdict(
    RateLimited, wait_seconds=THROTTLED_WAIT_SECONDS, application_wide=True, blocks_reads=True
)

#: Publishing subcodes, each with the code it comes under; a container in ERROR names only the
#: subcode. None: seen in the field, not documented.
#: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes
SUBCODES: dict[int, tuple[int | None, Verdict]] = {
    2207001: (-1, Verdict(Transient)),
    2207003: (-2, _ANOTHER),
    2207004: (36000, _COVER),
    2207005: (36001, _COVER),
    2207006: (24, _ANOTHER),
    2207008: (24, Verdict(Transient)),
    2207009: (36003, _COVER),
    2207010: (36004, Verdict(RequestRefused, hint="Shorten the caption")),
    2207020: (-2, _ANOTHER),
    2207023: (100, _REQUEST),
    2207026: (352, Verdict(VideoRefused, hint=VIDEO_HINT)),
    2207027: (9007, Verdict(Transient)),
    2207028: (100, _REQUEST),
    2207032: (-1, _ANOTHER),
    2207035: (100, _REQUEST),
    2207036: (100, _REQUEST),
    2207037: (100, _REQUEST),
    2207040: (100, Verdict(RequestRefused, hint="Mention at most 20 accounts")),
    2207042: (9, Verdict(RateLimited, wait_seconds=QUOTA_WAIT_SECONDS)),
    2207050: (
        25,
        Verdict(AccountRefused, hint="Open the Instagram app and do what it asks, then try again"),
    ),
    2207051: (
        4,
        Verdict(
            AccountRefused,
            hint="Instagram took this for spam: look whether the post is live, and pause for a day",
            pause_seconds=BLOCKED_PAUSE_SECONDS,
        ),
    ),
    2207052: (9004, _ANOTHER),
    2207053: (-1, _ANOTHER),
    2207057: (1, Verdict(RequestRefused, hint="Choose a thumbOffsetMs within the video")),
    2207076: (None, _ANOTHER),
    2207077: (None, _ANOTHER),
    2207081: (None, _REQUEST),
    2207082: (None, _ANOTHER),
    2207085: (None, Verdict(VideoRefused, hint=VIDEO_HINT)),
}

#: What a subcode changes about a general code.
#: https://developers.facebook.com/docs/graph-api/guides/error-handling
PAIRS: dict[tuple[int, int], Verdict] = {
    (100, 33): Verdict(AccountRefused, hint=PERMISSION_HINT),
    (190, 458): Verdict(AccountRefused, hint=RECONNECT_HINT, reconnect=True),
    (190, 459): Verdict(
        AccountRefused,
        hint="Log in to Facebook, pass its check, then connect again",
        reconnect=True,
    ),
    (190, 460): Verdict(
        AccountRefused, hint="The password was changed: connect the account again", reconnect=True
    ),
    (190, 463): Verdict(AccountRefused, hint=RECONNECT_HINT, reconnect=True),
    (190, 464): Verdict(
        AccountRefused, hint="Confirm the Facebook account, then connect again", reconnect=True
    ),
    (190, 467): Verdict(AccountRefused, hint=RECONNECT_HINT, reconnect=True),
    (190, 492): Verdict(
        AccountRefused, hint="Get a role on the account's Page, then connect again", reconnect=True
    ),
}

#: General codes of the Graph API.
#: https://developers.facebook.com/docs/graph-api/guides/error-handling
#: https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
CODES: dict[int | str, Verdict] = {
    **{code: _PERMISSION for code in range(200, 300)},
    1: Verdict(Transient, hint=OPERATOR_HINT),  # a wrong app secret looks like this too
    2: Verdict(Transient),
    3: _PERMISSION,
    4: _APP_THROTTLED,
    10: _PERMISSION,
    17: _THROTTLED,
    32: _THROTTLED,
    100: _REQUEST,
    102: Verdict(TokenExpired),
    190: Verdict(TokenExpired),
    341: _APP_THROTTLED,
    368: Verdict(
        AccountRefused,
        hint="Instagram blocked this account's posting for now: see its app",
        pause_seconds=BLOCKED_PAUSE_SECONDS,
    ),
    506: Verdict(
        RequestRefused, hint="Instagram saw the same post a moment ago: look at the profile"
    ),
    613: _THROTTLED,
    2635: Verdict(RequestRefused, hint=OPERATOR_HINT),  # the configured version is gone
    80001: _THROTTLED,
    80002: _THROTTLED,
    "INSTAGRAM_PLATFORM_API__INVALID_LOCATION_ID": Verdict(
        RequestRefused, hint="Use a locationId of a Page that has a location"
    ),
}

#: Answers that no table knows, by HTTP status; a status that is missing here goes by its class.
STATUSES: dict[int, Verdict] = {
    401: Verdict(TokenExpired),
    403: _PERMISSION,
    408: Verdict(Transient),
    429: _THROTTLED,
}

#: `debug_info.type` of the upload host where it refuses the token: it has no Graph codes.
UPLOAD_TOKEN_TYPES = frozenset({"OAuthException", "NotAuthorizedError"})

MISSING_OBJECT = "100/33"
DUPLICATE_POST = "506"
