"""Sending the bytes that YouTube lacks, chunk by chunk; the last one creates the video.

https://developers.google.com/youtube/v3/guides/using_resumable_upload_protocol
"""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace

from workers.errors import (
    OutcomeUnknown,
    PublishError,
    RequestRefused,
    Transient,
)
from workers.platforms.base import Context
from workers.platforms.chunks import ChunkReader
from workers.platforms.fields import child, text
from workers.platforms.sources import video_replaced
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.session import (
    SessionComplete,
    SessionOpen,
    SessionState,
    put_bytes,
    read_session,
)
from workers.platforms.youtube.upload import SESSION_LIMIT_SECONDS, YouTubeUpload
from workers.request_body import Body


def send_missing(client: Client, context: Context, upload: YouTubeUpload) -> YouTubeUpload:
    """Send the missing bytes and return the upload to store.

    Raises `UploadGone` if the session has ended and no final request was ever started.
    """
    if upload.video_id is not None:
        return upload
    before, state = upload, _current_state(client, context, upload)
    with closing(ChunkReader(context.source)) as reader:
        while isinstance(state, SessionOpen):
            upload = store_session_uri(context, upload, state)
            if state.received_bytes == upload.size_bytes:
                return upload  # YouTube is still assembling the file; `poll` reads the outcome
            try:
                upload, state = _send_chunk(client, context, reader, upload, state.received_bytes)
            except RequestRefused as error:
                raise _bytes_refused(before, error) from error
    return store_completion(context, upload, state)


def store_session_uri(context: Context, upload: YouTubeUpload, state: SessionOpen) -> YouTubeUpload:
    """Store the session's URI if YouTube has moved the session to another one."""
    if state.session_uri == upload.session_uri:
        return upload
    upload = replace(upload, session_uri=state.session_uri)
    context.journal.save(upload)
    return upload


def store_completion(
    context: Context, upload: YouTubeUpload, state: SessionComplete
) -> YouTubeUpload:
    """Store the id of the video that the upload has become."""
    privacy = text(child(state.video, "status"), "privacyStatus")
    return store_video_id(context, upload, text(state.video, "id"), privacy=privacy)


def store_video_id(
    context: Context, upload: YouTubeUpload, video_id: str, *, privacy: str = ""
) -> YouTubeUpload:
    """Store the video's id in place of the session URI, which is kept until then."""
    now = context.now().timestamp()
    upload = replace(upload, session_uri="", video_id=video_id, completed_at=now, privacy=privacy)
    context.journal.save(upload)
    return upload


def _current_state(client: Client, context: Context, upload: YouTubeUpload) -> SessionState:
    """Return the session's state, read from YouTube unless nothing was sent into it yet."""
    is_young = context.now().timestamp() - upload.opened_at < SESSION_LIMIT_SECONDS
    if upload.is_fresh and is_young:
        state: SessionState = SessionOpen(0, upload.session_uri)
    else:
        state = read_session(client, upload)
    if isinstance(state, SessionOpen) and context.source.size_bytes != upload.size_bytes:
        raise video_replaced(may_be_live=upload.final_started_at is not None)
    return state


def _bytes_refused(before: YouTubeUpload, error: RequestRefused) -> PublishError:
    """Return the error for bytes that YouTube refused and, by a read, does not have.

    `before` is the upload as it was before this run sent anything.
    """
    if before.final_started_at is None:
        return error.for_dead_upload()
    # The final chunk of an earlier run may still be on its way into the session.
    return OutcomeUnknown(error.code, error.detail)


def _send_chunk(
    client: Client, context: Context, reader: ChunkReader, upload: YouTubeUpload, first: int
) -> tuple[YouTubeUpload, SessionState]:
    length = min(upload.chunk_bytes, upload.size_bytes - first)
    reader.begin(first, length)
    upload = _store_start(context, upload, is_final=first + length == upload.size_bytes)
    body = Body(reader, length, lambda count: context.journal.report_sent(first + count))
    state = _put_chunk(client, context, upload, first=first, body=body)
    if isinstance(state, SessionOpen) and state.received_bytes <= first:
        raise Transient("no_progress", "YouTube kept nothing of what it was sent")
    return upload, state


def _store_start(context: Context, upload: YouTubeUpload, *, is_final: bool) -> YouTubeUpload:
    """Store that bytes are about to be sent; the final ones create the video."""
    if is_final:
        upload = replace(upload, is_fresh=False, final_started_at=context.now().timestamp())
        context.journal.commit_to_publish(upload)
    elif upload.is_fresh:
        upload = replace(upload, is_fresh=False)
        context.journal.save(upload)
    return upload


def _put_chunk(
    client: Client, context: Context, upload: YouTubeUpload, *, first: int, body: Body
) -> SessionState:
    try:
        content_type = context.source.content_type
        return put_bytes(client, upload, content_type=content_type, first=first, body=body)
    except RequestRefused:
        # Bytes of an earlier request, even the final ones, may have arrived late: read once.
        state = read_session(client, upload)
        if isinstance(state, SessionComplete) or state.received_bytes > first:
            return state
        raise
