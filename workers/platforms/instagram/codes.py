"""Instagram's error codes as data: what each means to us. Codes are compared exactly.

A verdict of `UploadGone` means that another container may succeed; it is raised as such only if
the container is known to be dead.
https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes
https://developers.facebook.com/docs/graph-api/guides/error-handling
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

#: Calls are counted per hour; the responses seldom say how long to wait.
#: https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
THROTTLED_WAIT_SECONDS = 300
#: The publishing limit is a moving window of 24 h, so capacity frees up continuously.
#: https://developers.facebook.com/docs/instagram-platform/content-publishing
QUOTA_WAIT_SECONDS = 3600
#: After a block on posting, the account is paused for a day: further tries may prolong the block.
#: https://developers.facebook.com/docs/graph-api/guides/error-handling
BLOCKED_PAUSE_SECONDS = 86400

RECONNECT_HINT = "Connect the Instagram account again"
PERMISSION_HINT = "Connect the account again and allow it to publish; it needs a role on its Page"
COVER_HINT = "Use a JPEG of at most 8 MB with a common aspect ratio as the cover"
VIDEO_HINT = "Export the video again as MP4 with H.264 and AAC"
OPERATOR_HINT = "Ask the operator of this service to check its Meta app"

_NEW_CONTAINER = Verdict(UploadGone)
_REQUEST = Verdict(RequestRefused)
_COVER = Verdict(RequestRefused, hint=COVER_HINT)
_PERMISSION = Verdict(AccountRefused, hint=PERMISSION_HINT)
_CAPTION = Verdict(RequestRefused, hint="Shorten the caption")
_VIDEO = Verdict(VideoRefused, hint=VIDEO_HINT)
_RESTRICTED = Verdict(
    AccountRefused, hint="Open the Instagram app and do what it asks, then try again"
)
_POST_LIMIT = Verdict(RateLimited, wait_seconds=QUOTA_WAIT_SECONDS)
_THROTTLED = Verdict(RateLimited, wait_seconds=THROTTLED_WAIT_SECONDS, blocks_reads=True)
_APP_THROTTLED = Verdict(
    RateLimited, wait_seconds=THROTTLED_WAIT_SECONDS, application_wide=True, blocks_reads=True
)

#: Publishing subcodes, each with the code it comes with; a container in ERROR names only the
#: subcode. None: undocumented, seen in the field.
#: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes
SUBCODES: dict[int, tuple[int | None, Verdict]] = {
    2207001: (-1, Verdict(Transient)),
    2207003: (-2, _NEW_CONTAINER),
    2207004: (36000, _COVER),
    2207005: (36001, _COVER),
    2207006: (24, _NEW_CONTAINER),
    2207008: (24, Verdict(Transient)),
    2207009: (36003, _COVER),
    2207010: (36004, _CAPTION),
    2207020: (-2, _NEW_CONTAINER),
    2207023: (100, _REQUEST),
    2207026: (352, _VIDEO),
    2207027: (9007, Verdict(Transient)),
    2207028: (100, _REQUEST),
    2207032: (-1, _NEW_CONTAINER),
    2207035: (100, _REQUEST),
    2207036: (100, _REQUEST),
    2207037: (100, _REQUEST),
    2207040: (100, Verdict(RequestRefused, hint="Mention at most 20 accounts")),
    2207042: (9, _POST_LIMIT),
    2207050: (25, _RESTRICTED),
    2207051: (
        4,
        Verdict(
            AccountRefused,
            hint="Instagram considers this spam: check whether the post is live, and wait a day",
            pause_seconds=BLOCKED_PAUSE_SECONDS,
        ),
    ),
    2207052: (9004, _NEW_CONTAINER),
    2207053: (-1, _NEW_CONTAINER),
    2207057: (1, Verdict(RequestRefused, hint="Choose a cover from within the video")),
    2207076: (None, _NEW_CONTAINER),
    2207077: (None, _NEW_CONTAINER),
    2207081: (None, _REQUEST),
    2207082: (None, _NEW_CONTAINER),
    2207085: (None, _VIDEO),
}

#: General codes whose subcode changes their meaning.
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

#: General codes of the Graph API, and the codes of publishing without a subcode we know.
#: https://developers.facebook.com/docs/graph-api/guides/error-handling
#: https://developers.facebook.com/docs/graph-api/overview/rate-limiting/
CODES: dict[int | str, Verdict] = {
    -2: _NEW_CONTAINER,
    -1: Verdict(Transient),
    9: _POST_LIMIT,
    24: _NEW_CONTAINER,
    25: _RESTRICTED,
    352: _VIDEO,
    9004: _NEW_CONTAINER,
    9007: Verdict(Transient),
    36000: _COVER,
    36001: _COVER,
    36003: _COVER,
    36004: _CAPTION,
    **{code: _PERMISSION for code in range(200, 300)},
    1: Verdict(Transient, hint=OPERATOR_HINT),  # also what a wrong app secret looks like
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
        hint="Instagram has blocked this account from posting for now: see its app",
        pause_seconds=BLOCKED_PAUSE_SECONDS,
    ),
    506: Verdict(
        RequestRefused, hint="Instagram has just received the same post: look at the profile"
    ),
    613: _THROTTLED,
    # The configured version was removed.
    2635: Verdict(RequestRefused, hint=OPERATOR_HINT, application_wide=True),
    80001: _THROTTLED,
    80002: _THROTTLED,
    "INSTAGRAM_PLATFORM_API__INVALID_LOCATION_ID": Verdict(
        RequestRefused, hint="Use a locationId of a Page that has a location"
    ),
}

#: The codes for an invalid token.
TOKEN_CODES = frozenset({102, 190})

#: The HTTP status, for an unknown code. Any other goes by its class, 4xx or 5xx.
HTTP_STATUSES: dict[int, Verdict] = {
    401: Verdict(TokenExpired),
    403: _PERMISSION,
    408: Verdict(Transient),
    429: _THROTTLED,
}

#: `debug_info.type` with which the upload host, which has no Graph codes, refuses a token.
UPLOAD_TOKEN_TYPES = frozenset({"OAuthException", "NotAuthorizedError"})

#: How many publishes may be answered with an error that may pass, by the error, before the last
#: such error is believed.
#: https://developers.facebook.com/docs/instagram-platform/instagram-graph-api/reference/error-codes
PUBLISHES_MAX = {"24/2207006": 2, "24/2207008": 3, "100/33": 5}
PUBLISHES_MAX_OTHERS = 4

MISSING_OBJECT = "100/33"
#: Reads of a container that prove nothing: it may not be visible yet, or not at the moment.
UNREADABLE = frozenset({MISSING_OBJECT, "10"})
DUPLICATE_POST = "506"
#: Refusals that have come, or would come, with a post that is live.
#: https://github.com/gitroomhq/postiz-app/issues/1681
PERHAPS_LIVE = frozenset({DUPLICATE_POST, "4/2207051"})
#: The platform could not fetch the video, or the cover, by its link.
UNFETCHABLE = "9004/2207052"
