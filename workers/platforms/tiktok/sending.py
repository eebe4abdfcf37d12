"""Sends the bytes that TikTok lacks, chunk by chunk; the last one is what publishes the video.

The upload URL has no way to ask it. After every answer that is not plain success the publish's
status is read, and it decides.
https://developers.tiktok.com/doc/content-posting-api-media-transfer-guide
"""

from __future__ import annotations

import re
from contextlib import closing
from dataclasses import replace

from workers import transport
from workers.errors import (
    OutcomeUnknown,
    PublishError,
    RequestRefused,
    Transient,
    UploadGone,
    VideoRefused,
)
from workers.platforms.base import Context
from workers.platforms.chunks import ChunkReader
from workers.platforms.results import Incomplete
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.fate import never_finished, unfinished
from workers.platforms.tiktok.refusals import host_refusal
from workers.platforms.tiktok.status import read_status
from workers.platforms.tiktok.upload import TikTokUpload
from workers.transport import Body, Response

ALL_STORED, CHUNK_STORED = 201, 206
WRONG_HEADERS, WRONG_PLACE = 400, 416
REFUSES_URL = frozenset({403, 404})
EXPLAINED = REFUSES_URL | {ALL_STORED, CHUNK_STORED, WRONG_HEADERS, WRONG_PLACE}
#: How often in one go we let TikTok send us to places in the file where we have been.
DETOURS_MAX = 3
_UPLOADED = re.compile(r"bytes 0-([0-9]{1,18})/[0-9]{1,18}", re.ASCII)


def send_rest(client: Client, context: Context, upload: TikTokUpload) -> TikTokUpload:
    """Send what is missing and return the upload to store.

    Raises `UploadGone` when the upload URL is refused and the status proves the file incomplete.
    """
    if upload.delivered_at is not None:
        return upload
    if context.source.size_bytes != upload.size_bytes:
        raise _replaced_video(upload)
    with closing(ChunkReader(context.source)) as reader:
        return _send_from(client, context, reader, upload)


def _send_from(
    client: Client, context: Context, reader: ChunkReader, upload: TikTokUpload
) -> TikTokUpload:
    began, furthest, detours = upload, -1, 0
    offset = 0 if upload.is_fresh else _read_offset(client, upload)
    while offset is not None and _is_open(client, context, upload, offset):
        detours = 0 if offset > furthest else detours + 1
        if detours > DETOURS_MAX:
            raise _stalled(upload)
        furthest = max(furthest, offset)
        upload, answer = _put_chunk(context, reader, upload, offset)
        end = upload.plan.end(offset)
        if end == upload.size_bytes and answer.status == ALL_STORED:
            return replace(upload, delivered_at=context.now().timestamp())
        if end < upload.size_bytes and _has_stored(answer, end):
            offset = end
        else:
            offset = _ask_the_way(client, context, began, (upload, answer, offset))
    return upload


def _is_open(client: Client, context: Context, upload: TikTokUpload, offset: int) -> bool:
    now = context.now().timestamp()
    return isinstance(unfinished(client, upload, offset, now), Incomplete)


def _read_offset(client: Client, upload: TikTokUpload) -> int | None:
    """Return where TikTok wants to be gone on with; None when it lacks nothing."""
    try:
        return read_status(client, upload).missing_from(upload)
    except RequestRefused as error:
        if upload.final_started_at is None:
            raise never_finished(error) from error
        raise OutcomeUnknown(error.code, error.detail) from error


def _replaced_video(upload: TikTokUpload) -> VideoRefused:
    error = VideoRefused("video_changed", "the video was replaced while it was being published")
    return error.for_dead_upload() if upload.final_started_at is None else error


def _put_chunk(
    context: Context, reader: ChunkReader, upload: TikTokUpload, first: int
) -> tuple[TikTokUpload, Response]:
    """Send the rest of the chunk at `first`; what may follow from it is written down before."""
    end = upload.plan.end(first)
    is_final = end == upload.size_bytes
    reader.begin(first, end - first)
    upload = _note_start(context, upload, is_final=is_final)
    answer = transport.call(
        "PUT",
        upload.upload_url,
        acts=is_final,
        headers={
            "Content-Type": context.source.content_type,
            "Content-Range": f"bytes {first}-{end - 1}/{upload.size_bytes}",
        },
        data=Body(reader, end - first, lambda count: context.journal.sent(first + count)),
    )
    return upload, answer


def _note_start(context: Context, upload: TikTokUpload, *, is_final: bool) -> TikTokUpload:
    if is_final:
        now = context.now().timestamp()
        upload = replace(upload, is_fresh=False, final_started_at=now)
        context.journal.commit_to_publish(upload)
    elif upload.is_fresh:
        upload = replace(upload, is_fresh=False)
        context.journal.save(upload)
    return upload


def _has_stored(answer: Response, end: int) -> bool:
    """Say whether TikTok has a chunk whole, and nothing after it.

    Whether it names the count of bytes or the last one's index is not documented.
    """
    match = _UPLOADED.fullmatch(answer.headers.get("Content-Range", "").strip())
    return answer.status == CHUNK_STORED and match is not None and int(match[1]) in (end - 1, end)


def _ask_the_way(
    client: Client,
    context: Context,
    began: TikTokUpload,
    put: tuple[TikTokUpload, Response, int],
) -> int | None:
    """Return where to go on after an answer that was no plain success; None when all is there.

    `began` is the upload as it was before this run sent anything.
    """
    upload, answer, first = put
    if answer.status not in EXPLAINED:
        is_final = upload.plan.end(first) == upload.size_bytes
        raise host_refusal(answer, context.now(), acts=is_final)
    missing = _read_offset(client, upload)
    if missing is None:
        return None
    if answer.status in REFUSES_URL:
        raise _refused_url(began)
    start = upload.plan.start(missing)
    if answer.status == WRONG_HEADERS and first == start:
        raise _refused_form(began)
    # Where part of a chunk was refused, it goes again from a place that was declared.
    is_stuck = answer.status == WRONG_HEADERS or (answer.status == WRONG_PLACE and missing == first)
    return start if is_stuck else missing


def _refused_url(began: TikTokUpload) -> PublishError:
    code, detail = "upload_url_refused", "TikTok does not take bytes for this upload any more"
    if began.final_started_at is None:
        return UploadGone(code, detail)
    # An earlier request has sent the end of the file: it may have been taken and not be counted
    # yet, which would be why the URL is closed. Only its expiry proves the opposite.
    return OutcomeUnknown(code, detail)


def _refused_form(began: TikTokUpload) -> PublishError:
    code, detail = "upload_bad_request", "TikTok refused the form of the upload"
    if began.final_started_at is None:
        return RequestRefused(code, detail).for_dead_upload()
    return OutcomeUnknown(code, detail)  # as for a refused URL


def _stalled(upload: TikTokUpload) -> PublishError:
    code, detail = "upload_stalled", "TikTok asks for the same bytes again and again"
    if upload.final_started_at is None:
        return Transient(code, detail)
    return OutcomeUnknown(code, detail)
