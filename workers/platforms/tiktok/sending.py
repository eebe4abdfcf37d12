"""Sending the bytes that TikTok lacks, chunk by chunk; the last one publishes the video.

The upload URL itself cannot be queried: after every response other than a plain success, the
publish status decides how to go on.
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
)
from workers.platforms.base import Context
from workers.platforms.chunks import ChunkReader
from workers.platforms.results import Incomplete
from workers.platforms.sources import video_replaced
from workers.platforms.tiktok.client import Client
from workers.platforms.tiktok.judging import judge_incomplete, never_completed
from workers.platforms.tiktok.refusals import upload_error
from workers.platforms.tiktok.status import read_status
from workers.platforms.tiktok.upload import TikTokUpload
from workers.request_body import Body
from workers.transport import Response

ALL_STORED, CHUNK_STORED = 201, 206
BAD_HEADERS, BAD_RANGE = 400, 416
URL_REFUSED = frozenset({403, 404})
DOCUMENTED = URL_REFUSED | {ALL_STORED, CHUNK_STORED, BAD_HEADERS, BAD_RANGE}
#: How often in one run TikTok may send us back to an offset that was already sent.
REWINDS_MAX = 3
_UPLOADED = re.compile(r"bytes 0-([0-9]{1,18})/[0-9]{1,18}", re.ASCII)


def send_missing(client: Client, context: Context, upload: TikTokUpload) -> TikTokUpload:
    """Send the missing bytes and return the upload to store.

    Raises `UploadGone` if the upload URL is refused and the status proves the file incomplete.
    """
    if upload.delivered_at is not None:
        return upload
    if context.source.size_bytes != upload.size_bytes:
        raise video_replaced(may_be_live=upload.final_started_at is not None)
    with closing(ChunkReader(context.source)) as reader:
        return _send_from(client, context, reader, upload)


def _send_from(
    client: Client, context: Context, reader: ChunkReader, upload: TikTokUpload
) -> TikTokUpload:
    furthest, rewinds = -1, 0
    offset = 0 if upload.is_fresh else _read_offset(client, upload)
    while offset is not None and _is_open(client, context, upload, offset):
        rewinds = 0 if offset > furthest else rewinds + 1
        if rewinds > REWINDS_MAX:
            raise _stalled(upload)
        furthest, before = max(furthest, offset), upload
        upload, response = _put_chunk(context, reader, upload, offset)
        end = upload.plan.end(offset)
        if end == upload.size_bytes and response.status == ALL_STORED:
            return replace(upload, delivered_at=context.now().timestamp())
        if end < upload.size_bytes and _is_stored(response, end):
            offset = end
        else:
            offset = _next_offset(client, context, before, (upload, response, offset))
    return upload


def _is_open(client: Client, context: Context, upload: TikTokUpload, offset: int) -> bool:
    now = context.now().timestamp()
    return isinstance(judge_incomplete(client, upload, offset, now), Incomplete)


def _read_offset(client: Client, upload: TikTokUpload) -> int | None:
    """Return the offset from which TikTok lacks bytes; None if it lacks none."""
    try:
        return read_status(client, upload).missing_from(upload)
    except RequestRefused as error:
        if upload.final_started_at is None:
            raise never_completed(error) from error
        raise OutcomeUnknown(error.code, error.detail) from error


def _put_chunk(
    context: Context, reader: ChunkReader, upload: TikTokUpload, first: int
) -> tuple[TikTokUpload, Response]:
    """Send the rest of the chunk at `first`; store first that it may complete the upload."""
    end = upload.plan.end(first)
    is_final = end == upload.size_bytes
    reader.begin(first, end - first)
    upload = _store_start(context, upload, is_final=is_final)
    response = transport.call(
        "PUT",
        upload.upload_url,
        acts=is_final,
        headers={
            "Content-Type": context.source.content_type,
            "Content-Range": f"bytes {first}-{end - 1}/{upload.size_bytes}",
        },
        data=Body(reader, end - first, lambda count: context.journal.report_sent(first + count)),
    )
    return upload, response


def _store_start(context: Context, upload: TikTokUpload, *, is_final: bool) -> TikTokUpload:
    if is_final:
        now = context.now().timestamp()
        upload = replace(upload, is_fresh=False, final_started_at=now)
        context.journal.commit_to_publish(upload)
    elif upload.is_fresh:
        upload = replace(upload, is_fresh=False)
        context.journal.save(upload)
    return upload


def _is_stored(response: Response, end: int) -> bool:
    """Return whether TikTok has exactly the bytes up to `end`.

    It is not documented whether the header has the number of bytes or the last one's index.
    """
    match = _UPLOADED.fullmatch(response.headers.get("Content-Range", "").strip())
    return response.status == CHUNK_STORED and match is not None and int(match[1]) in (end - 1, end)


def _next_offset(
    client: Client,
    context: Context,
    before: TikTokUpload,
    put: tuple[TikTokUpload, Response, int],
) -> int | None:
    """Return where to go on after a response other than a plain success; None if all is there.

    `before` is the upload as it was before this request.
    """
    upload, response, first = put
    if response.status not in DOCUMENTED:
        is_final = upload.plan.end(first) == upload.size_bytes
        raise upload_error(response, context.now(), acts=is_final)
    missing = _read_offset(client, upload)
    if missing is None:
        return None
    if response.status in URL_REFUSED:
        raise _url_refused(context, before, upload)
    start = upload.plan.start(missing)
    if response.status == BAD_HEADERS and first == start:
        raise _headers_refused(before, upload)
    # A refused part of a chunk is sent again from the chunk's start, an offset we declared.
    is_stuck = response.status == BAD_HEADERS or (response.status == BAD_RANGE and missing == first)
    return start if is_stuck else missing


def _url_refused(context: Context, before: TikTokUpload, upload: TikTokUpload) -> PublishError:
    code, detail = "upload_url_refused", "TikTok no longer accepts bytes for this upload"
    if before.final_started_at is None:
        return UploadGone(code, detail)
    # An earlier request has sent the end of the file. TikTok may have accepted it without counting
    # it yet, and have closed the URL for that reason; only the URL's expiry proves otherwise.
    if upload.url_refused_at is None:
        context.journal.save(replace(upload, url_refused_at=context.now().timestamp()))
    return OutcomeUnknown(code, detail)


def _headers_refused(before: TikTokUpload, upload: TikTokUpload) -> PublishError:
    code, detail = "upload_bad_request", "TikTok refused the form of the upload"
    if before.final_started_at is not None:
        return OutcomeUnknown(code, detail)  # as for a refused URL
    error = RequestRefused(code, detail)
    # The end of the file may have been taken and not be counted yet: a retry goes on with this
    # upload, and another is opened only after the URL has expired.
    return error if upload.final_started_at is not None else error.for_dead_upload()


def _stalled(upload: TikTokUpload) -> PublishError:
    code, detail = "upload_stalled", "TikTok keeps asking for the same bytes"
    if upload.final_started_at is None:
        return Transient(code, detail)
    return OutcomeUnknown(code, detail)
