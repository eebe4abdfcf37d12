"""All operations on videos. Owns every commit of theirs.

`register` adds an object that is already in the store, `uploads` signs and receives direct uploads,
`settle` finds out whether they arrived and expires those that did not, `preview` extracts stills,
and `delete` removes a video.
"""

from app.videos.delete import delete_video
from app.videos.errors import (
    LinkRefused,
    LinkUsed,
    NoPreview,
    ObjectRefused,
    VideoError,
    VideoInUse,
)
from app.videos.preview import preview, preview_tag
from app.videos.register import register_video
from app.videos.settle import settle_requested, settle_upload, settle_uploads
from app.videos.uploads import (
    TITLE_MAX,
    UPLOAD_MAX_BYTES,
    check_link,
    is_upload_type,
    open_upload,
    receive_upload,
)

__all__ = [
    "TITLE_MAX",
    "UPLOAD_MAX_BYTES",
    "LinkRefused",
    "LinkUsed",
    "NoPreview",
    "ObjectRefused",
    "VideoError",
    "VideoInUse",
    "check_link",
    "delete_video",
    "is_upload_type",
    "open_upload",
    "preview",
    "preview_tag",
    "receive_upload",
    "register_video",
    "settle_requested",
    "settle_upload",
    "settle_uploads",
]
