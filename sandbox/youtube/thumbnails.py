"""YouTube: a video's own thumbnail."""

from flask import Response, jsonify, request

from sandbox.core.bodies import body_pieces
from sandbox.core.errors import Refusal
from sandbox.youtube.accounts import MAY_UPLOAD
from sandbox.youtube.api import API, authorize
from sandbox.youtube.videos import own_post

MAX_BYTES = 50_000_000
SIGNATURES = {"image/jpeg": b"\xff\xd8\xff", "image/png": b"\x89PNG\r\n\x1a\n"}


@API.call("youtube.thumbnail", "/youtube/upload/youtube/v3/thumbnails/set", "POST")
def set_thumbnail() -> Response:
    """Accept a JPEG or PNG, from phone-verified channels only."""
    account = authorize(MAY_UPLOAD, units=50)
    post = own_post(account, request.args.get("videoId", ""))
    if not account.options.phone_verified:
        raise Refusal("forbidden", "The channel is not verified.")
    signature = SIGNATURES.get(request.mimetype)
    if signature is None or not 0 < (request.content_length or 0) <= MAX_BYTES:
        raise Refusal("mediaBodyRequired")
    start = b""
    for piece in body_pieces():
        start += piece[: len(signature) - len(start)]
    if start != signature:
        raise Refusal("badRequest", "The image is not what its Content-Type says.")
    url = f"https://i.ytimg.com/vi/{post.id}/default.jpg"
    return jsonify(
        kind="youtube#thumbnailSetResponse",
        items=[{"default": {"url": url, "width": 120, "height": 90}}],
    )
