"""All that may be done to a video. Owns every commit of it.

`register` takes an object that is in the store, `uploads` signs and receives direct uploads,
`settle` finds out what became of them and lets those go that never came, `preview` shows what is
in a video, `delete` lets one go.
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
from app.videos.settle import settle_upload, settle_uploads
from app.videos.uploads import (
    UPLOAD_MAX_BYTES,
    UPLOAD_TYPES,
    check_link,
    open_upload,
    receive_upload,
)

__all__ = [
    "UPLOAD_MAX_BYTES",
    "UPLOAD_TYPES",
    "LinkRefused",
    "LinkUsed",
    "NoPreview",
    "ObjectRefused",
    "VideoError",
    "VideoInUse",
    "check_link",
    "delete_video",
    "open_upload",
    "preview",
    "preview_tag",
    "receive_upload",
    "register_video",
    "settle_upload",
    "settle_uploads",
]
