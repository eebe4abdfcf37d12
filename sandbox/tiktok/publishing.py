"""TikTok: creator info, starting and cancelling a publish."""

import threading
from datetime import timedelta
from functools import partial
from typing import Any

from flask import Response, request

from sandbox.core import ids
from sandbox.core.accounts import Account
from sandbox.core.background import until
from sandbox.core.bodies import Received
from sandbox.core.context import note
from sandbox.core.errors import Refusal
from sandbox.core.fetch import FetchFailed, is_loopback, opened, pieces
from sandbox.core.fields import is_text, json_object
from sandbox.core.world import World, current_world
from sandbox.tiktok.api import API, authorize, ok
from sandbox.tiktok.processing import finish
from sandbox.tiktok.rules import (
    MAX_VIDEO_BYTES,
    check_body,
    check_post_info,
    privacy_options,
    read_plan,
)
from sandbox.tiktok.state import ChunkPlan, Publish, check_caps, count_call, state

UPLOAD_URL_SECONDS = 3600
MAX_PENDING_DRAFTS = 5


def read_body() -> dict[str, Any]:
    """Return the JSON body. Refuses anything else."""
    try:
        return json_object()
    except ValueError as exc:
        raise Refusal("invalid_params", str(exc)) from exc


@API.call("tiktok.creator_info", "/tiktok/v2/post/publish/creator_info/query/", "POST")
def read_creator() -> Response:
    """Return what the creator may post now."""
    account = authorize("video.publish")
    world = current_world()
    count_call("creator_info", world.settings.tiktok_creator_info_per_minute)
    check_caps(world, account)
    options = account.options
    return ok(
        {
            "creator_avatar_url": "https://p16-sign.tiktokcdn-us.com/avatar.jpeg",
            "creator_username": account.username,
            "creator_nickname": account.username,
            "privacy_level_options": list(privacy_options(account)),
            "comment_disabled": options.comment_disabled,
            "duet_disabled": options.duet_disabled or options.private,
            "stitch_disabled": options.stitch_disabled or options.private,
            "max_video_post_duration_sec": options.max_video_post_duration_sec,
        }
    )


@API.call("tiktok.init", "/tiktok/v2/post/publish/video/init/", "POST")
def start_post() -> Response:
    """Start a direct post, which its last uploaded byte will publish."""
    account = authorize("video.publish")
    world = current_world()
    count_call("init", world.settings.tiktok_init_per_minute)
    body = read_body()
    check_body(body, "post_info", "source_info")
    check_post_info(world, account, body["post_info"])
    plan = read_plan(body["source_info"])
    check_caps(world, account)
    return _start(world, account, body, plan)


@API.call("tiktok.inbox_init", "/tiktok/v2/post/publish/inbox/video/init/", "POST")
def start_draft() -> Response:
    """Start a draft that the user finishes in the app."""
    account = authorize("video.upload")
    world = current_world()
    count_call("inbox_init", world.settings.tiktok_init_per_minute)
    body = read_body()
    check_body(body, "source_info")
    plan = read_plan(body["source_info"])
    with world.lock:
        if state().drafts.count(account.id, world.clock.now()) >= MAX_PENDING_DRAFTS:
            raise Refusal("spam_risk_too_many_pending_share")
        state().drafts.add(account.id, world.clock.now())
    return _start(world, account, body, plan)


def _start(
    world: World, account: Account, body: dict[str, Any], plan: ChunkPlan | None
) -> Response:
    url = body["source_info"].get("video_url", "")
    if plan is None and not is_loopback(url):
        raise Refusal("url_ownership_unverified")
    post_info = body.get("post_info", {})
    publish = _new_publish(world, account, post_info, plan, is_draft="post_info" not in body)
    data = {"publish_id": publish.id}
    note(publish_id=publish.id)
    if plan is None:
        world.background.start("pull", partial(_pull, world, publish, url))
    else:
        upload_id = publish.id.rpartition(".")[2]
        data["upload_url"] = (
            f"{request.host_url}tiktok-upload/video/"
            f"?upload_id={upload_id}&upload_token={publish.upload_token}"
        )
    return ok(data)


def _new_publish(
    world: World,
    account: Account,
    post_info: dict[str, Any],
    plan: ChunkPlan | None,
    *,
    is_draft: bool,
) -> Publish:
    number = str(ids.number(19))
    kind = f"{'inbox' if is_draft else 'pub'}_{'url' if plan is None else 'file'}"
    now = world.clock.now()
    publish = Publish(
        id=f"v_{kind}~v2{'' if plan is None else '-1'}.{number}",
        account=account,
        is_draft=is_draft,
        post_info=post_info,
        expires_at=now + timedelta(seconds=UPLOAD_URL_SECONDS),
        received=Received(world.upload_dir / f"tiktok-{number}.part"),
        plan=plan,
        upload_token=ids.secret(40),
    )
    with world.lock:
        state().users.touch(account.id, now)
        state().publishes[publish.id] = publish
        if plan is not None:
            state().uploads[number] = publish
    return publish


def _pull(world: World, publish: Publish, url: str, stopped: threading.Event) -> None:
    """Download the video in the background, as TikTok does after answering init."""
    try:
        with opened(url) as answer:
            publish.received.take(until(stopped, pieces(answer, MAX_VIDEO_BYTES)))
    except FetchFailed:
        publish.failure = publish.failure or "video_pull_failed"
        publish.received.remove()
        return
    if publish.failure is None:
        finish(world, publish)


@API.call("tiktok.cancel", "/tiktok/v2/post/publish/cancel/", "POST")
def cancel_publish() -> Response:
    """Cancel a running download; nothing else can be cancelled."""
    publish = find_publish(authorize("video.publish", "video.upload"))
    with current_world().lock:
        if publish.plan is not None or publish.processing or publish.failure:
            raise Refusal("publish_not_cancellable")
        publish.failure = "publish_cancelled"
    return ok({})


def find_publish(account: Account) -> Publish:
    """Return the publish named in the body. Refuses unknown ones and other accounts'."""
    body = read_body()
    if set(body) != {"publish_id"} or not is_text(body["publish_id"]):
        raise Refusal("invalid_params", "the body needs publish_id only")
    note(publish_id=body["publish_id"][:64])
    with current_world().lock:
        publish = state().publishes.get(body["publish_id"])
    if publish is None:
        raise Refusal("invalid_publish_id")
    if publish.account is not account:
        raise Refusal("token_not_authorized_for_specified_publish_id")
    return publish
