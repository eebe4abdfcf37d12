"""Sends the bytes that YouTube lacks, chunk by chunk, and writes down what it answers.

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
    VideoRefused,
)
from workers.platforms.base import Context
from workers.platforms.chunks import ChunkReader
from workers.platforms.fields import child, text
from workers.platforms.youtube.client import Client
from workers.platforms.youtube.session import Complete, Held, put, query
from workers.platforms.youtube.upload import SESSION_LIMIT_SECONDS, YouTubeUpload
from workers.transport import Body


def send_rest(client: Client, context: Context, upload: YouTubeUpload) -> YouTubeUpload:
    """Send what is missing and return the upload to store.

    Raises `UploadGone` when the session has ended and no final request was ever started.
    """
    if upload.video_id is not None:
        return upload
    began, state = upload, _begin(client, context, upload)
    with closing(ChunkReader(context.source)) as reader:
        while isinstance(state, Held):
            upload = moved(context, upload, state)
            if state.received_bytes == upload.size_bytes:
                return upload  # YouTube still puts the file together; `poll` asks for the outcome
            try:
                upload, state = _send_chunk(client, context, reader, upload, state.received_bytes)
            except RequestRefused as error:
                raise _refused_bytes(began, error) from error
    return completed(context, upload, state)


def moved(context: Context, upload: YouTubeUpload, state: Held) -> YouTubeUpload:
    """Store the session's new address, where it was given one."""
    if state.session_uri == upload.session_uri:
        return upload
    upload = replace(upload, session_uri=state.session_uri)
    context.journal.save(upload)
    return upload


def completed(context: Context, upload: YouTubeUpload, state: Complete) -> YouTubeUpload:
    """Store the id of the video that the upload has become."""
    privacy = text(child(state.video, "status"), "privacyStatus")
    return became(context, upload, text(state.video, "id"), privacy=privacy)


def became(
    context: Context, upload: YouTubeUpload, video_id: str, *, privacy: str = ""
) -> YouTubeUpload:
    """Store the video's id in place of the session's address, which is kept until then."""
    now = context.now().timestamp()
    upload = replace(upload, session_uri="", video_id=video_id, completed_at=now, privacy=privacy)
    context.journal.save(upload)
    return upload


def _begin(client: Client, context: Context, upload: YouTubeUpload) -> Held | Complete:
    """Return where the session is, by a read unless it cannot have a byte yet."""
    is_young = context.now().timestamp() - upload.opened_at < SESSION_LIMIT_SECONDS
    if upload.is_fresh and is_young:
        state: Held | Complete = Held(0, upload.session_uri)
    else:
        state = query(client, upload)
    if isinstance(state, Held) and context.source.size_bytes != upload.size_bytes:
        raise _replaced_video(upload)
    return state


def _replaced_video(upload: YouTubeUpload) -> VideoRefused:
    error = VideoRefused("video_changed", "the video was replaced while it was being published")
    return error.for_dead_upload() if upload.final_started_at is None else error


def _refused_bytes(began: YouTubeUpload, error: RequestRefused) -> PublishError:
    """Return the error for bytes that YouTube refused and a read does not show.

    `began` is the upload as it was before this run sent anything.
    """
    if began.final_started_at is None:
        return error.for_dead_upload()
    # The end that an earlier run has sent may still be on its way into the session.
    return OutcomeUnknown(error.code, error.detail)


def _send_chunk(
    client: Client, context: Context, reader: ChunkReader, upload: YouTubeUpload, first: int
) -> tuple[YouTubeUpload, Held | Complete]:
    length = min(upload.chunk_bytes, upload.size_bytes - first)
    reader.begin(first, length)
    upload = _announce(context, upload, is_final=first + length == upload.size_bytes)
    body = Body(reader, length, lambda count: context.journal.sent(first + count))
    state = _put(client, context, upload, first=first, body=body)
    if isinstance(state, Held) and state.received_bytes <= first:
        raise Transient("no_progress", "YouTube kept nothing of what it was sent")
    return upload, state


def _announce(context: Context, upload: YouTubeUpload, *, is_final: bool) -> YouTubeUpload:
    """Write down that bytes are about to be sent: the last ones make the video exist."""
    if is_final:
        upload = replace(upload, is_fresh=False, final_started_at=context.now().timestamp())
        context.journal.commit_to_publish(upload)
    elif upload.is_fresh:
        upload = replace(upload, is_fresh=False)
        context.journal.save(upload)
    return upload


def _put(
    client: Client, context: Context, upload: YouTubeUpload, *, first: int, body: Body
) -> Held | Complete:
    try:
        content_type = context.source.content_type
        return put(client, upload, content_type=content_type, first=first, body=body)
    except RequestRefused:
        # Bytes of an earlier request may have landed late, even the last one: one read tells.
        state = query(client, upload)
        if isinstance(state, Complete) or state.received_bytes > first:
            return state
        raise
