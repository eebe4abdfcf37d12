"""`/api/videos`: videos in the store, registered or uploaded directly."""

from __future__ import annotations

from typing import Any

from flask import Response, request

from app.api.auth import KEY_AND_USER, current_user, open_to_all, without_tokens
from app.api.blueprint import Blueprint
from app.api.errors import InvalidRequest, NotFound, Unavailable, problem
from app.clock import utcnow
from app.media.facts import VideoInvalid
from app.models import Video
from app.queries.pages import Page
from app.queries.videos import find_video, list_videos
from app.schemas.examples import upload_examples, video_examples
from app.schemas.pages import PageQuery
from app.schemas.video import (
    NewUploadSchema,
    PreviewQuery,
    RegisterVideoSchema,
    UploadSchema,
    VideoSchema,
    VideosSchema,
)
from app.storage.errors import StorageError
from app.videos import (
    LinkRefused,
    LinkUsed,
    NoPreview,
    ObjectRefused,
    VideoInUse,
    check_link,
    delete_video,
    open_upload,
    preview,
    preview_tag,
    receive_upload,
    register_video,
    settle_upload,
    settle_uploads,
)

blueprint = Blueprint(
    "videos", __name__, url_prefix="/api/videos", description="Videos in the store"
)
NOT_FOUND = "Video not found"
#: How long a list request may look for finished uploads; the next one continues with the rest.
SETTLE_SECONDS = 5.0
ONLY_SERVICES = (
    "Only a service key may name an object in the store; a browser sends its file by a link from "
    "POST /api/videos/uploads"
)


@blueprint.route("", methods=["POST"], operation="registerVideo")
@blueprint.doc(security=KEY_AND_USER)
@blueprint.arguments(RegisterVideoSchema, examples=video_examples())
@blueprint.response(201, VideoSchema)
@blueprint.alt_response(200, schema=VideoSchema, description="The object was registered before.")
@without_tokens(ONLY_SERVICES)
def register(body: dict[str, str]) -> tuple[Video, int]:
    """Register an object that is in the store

    It is probed at once: duration, size and codecs come from the object itself. Registering the
    same unchanged object again returns the same video, with the new title.

    An object belongs to the first user who names it, so only a service key may. Keys under
    `renditions/`, and those under `uploads/` that are not the user's own, are refused.
    """
    try:
        video, is_new = register_video(current_user(), body["r2_key"], body["title"], utcnow())
    except ObjectRefused as error:
        raise InvalidRequest({"r2Key": [str(error)]}) from error
    return video, 201 if is_new else 200


@blueprint.route("", methods=["GET"], operation="listVideos")
@blueprint.arguments(PageQuery, location="query")
@blueprint.response(200, VideosSchema)
def index(query: dict[str, Any]) -> Page[Video]:
    """List the user's videos, newest first

    Those that are still `uploading` are looked up in the store, for a few seconds at most.
    """
    page = list_videos(current_user(), **query)
    return Page(settle_uploads(page.rows, SETTLE_SECONDS), page.next_cursor)


@blueprint.route("/<video_id>", methods=["GET"], operation="getVideo")
@blueprint.response(200, VideoSchema)
def show(video_id: str) -> Video:
    """Show one video

    One that is still `uploading` is looked up in the store, and probed if it is there, unless too
    many others are: then it stays `uploading` until it is asked for again.
    """
    video = find_video(current_user(), video_id)
    if video is None:
        raise NotFound(NOT_FOUND)
    try:
        return settle_upload(video_id)
    except StorageError:
        return video  # its last known state is better than an error


@blueprint.route("/<video_id>/preview", methods=["GET"], operation="getVideoPreview")
@blueprint.arguments(PreviewQuery, location="query")
@blueprint.response(200, {"type": "string", "format": "binary"}, content_type="image/jpeg")
@blueprint.alt_response(304, schema=None, description="The caller already has this picture.")
@blueprint.alt_response(409, response="CONFLICT")
def show_preview(query: dict[str, Any], video_id: str) -> Response:
    """Show a picture of a video, or nine on one sheet

    A cover chosen at the time `at` will show the same picture. Answers 409 where there is none: the
    video is not ready yet, is invalid (the response says why), ends earlier, or cannot be read.
    """
    video = find_video(current_user(), video_id)
    if video is None:
        raise NotFound(NOT_FOUND)
    at_ms, is_sheet = query["at"], query["sheet"]
    response = Response(content_type="image/jpeg")
    response.set_etag(preview_tag(video, at_ms, is_sheet=is_sheet))
    response.headers["Cache-Control"] = "private, max-age=86400"
    if request.if_none_match.contains(response.get_etag()[0] or ""):
        response.status_code = 304
        return response
    response.set_data(preview(video, at_ms, is_sheet=is_sheet))
    return response


@blueprint.route("/<video_id>", methods=["DELETE"], operation="deleteVideo")
@blueprint.response(204)
@blueprint.alt_response(409, response="CONFLICT")
def delete(video_id: str) -> None:
    """Delete a video

    An object that was uploaded directly is deleted from the store as well; a registered one is
    left alone. Posts made from the video stay. Answers 409 while an unfinished job needs it.
    """
    if not delete_video(current_user(), video_id, utcnow()):
        raise NotFound(NOT_FOUND)


@blueprint.route("/uploads", methods=["POST"], operation="openUpload")
@blueprint.arguments(NewUploadSchema, examples=upload_examples())
@blueprint.response(201, UploadSchema)
def sign_upload(body: dict[str, Any]) -> dict[str, Any]:
    """Get a signed link for a direct upload

    The file goes straight to the store, or to this service where the store is a folder. Read the
    video afterwards to see what was found in it.
    """
    video, signed = open_upload(
        current_user(), body["filename"], body["content_type"], body["file_size"], utcnow()
    )
    described = {"upload_url": signed.url, "method": signed.method, "headers": signed.headers}
    return {"video_id": video.id, "expires_at": signed.expires_at, **described}


@blueprint.route("/uploads/<token>", methods=["PUT"], operation="receiveUpload")
@blueprint.doc(security=[])
@blueprint.alt_response(400, response="BAD_REQUEST")
@blueprint.alt_response(403, response="FORBIDDEN")
@blueprint.alt_response(409, response="CONFLICT")
@blueprint.alt_response(411, response="LENGTH_REQUIRED")
@blueprint.alt_response(413, response="REQUEST_ENTITY_TOO_LARGE")
@blueprint.alt_response(503, response="SERVICE_UNAVAILABLE")
@blueprint.response(204)
@open_to_all
def receive(token: str) -> None:
    """Upload a file by its signed link

    Only where the store is a folder. The link needs no other credentials. It is good for one upload
    at a time (503 meanwhile: the other may be the end of a broken connection), and for one that
    arrives (then 409).
    """
    content_type = request.headers.get("Content-Type", "")
    grant = check_link(token, content_type, request.content_length, utcnow())
    # One more, since behind gunicorn a body that ends exactly at the bound counts as too long.
    request.max_content_length = grant.size_bytes + 1
    receive_upload(grant, request.stream)


@blueprint.errorhandler(VideoInUse)
@blueprint.errorhandler(LinkUsed)
@blueprint.errorhandler(NoPreview)
def answer_conflict(error: Exception) -> Response:
    """Answer 409 for what the state of the video does not allow."""
    return problem(409, str(error))


@blueprint.errorhandler(LinkRefused)
def answer_refused_link(error: LinkRefused) -> Response:
    """Answer an upload that does not match its link."""
    return problem(error.status, str(error))


@blueprint.errorhandler(VideoInvalid)
def answer_unreadable(error: VideoInvalid) -> Response:
    """Answer 409 for a video from which no picture can be taken."""
    return problem(409, error.sentence)


@blueprint.errorhandler(StorageError)
def answer_bad_store(error: StorageError) -> Response:
    """Answer 503: the store is at fault, since keys from outside were checked before."""
    return problem(503, str(error), headers=Unavailable.headers)
