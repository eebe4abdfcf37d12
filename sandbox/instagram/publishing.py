"""Instagram: the call that publishes a reel, and its quota."""

import base64
from datetime import datetime, timedelta

from flask import Response

from sandbox.core import ids
from sandbox.core.accounts import Account
from sandbox.core.context import note
from sandbox.core.errors import Refusal
from sandbox.core.posts import Post
from sandbox.core.world import World, current_world
from sandbox.instagram.accounts import PUBLISHING
from sandbox.instagram.api import API, answer, authorize, select
from sandbox.instagram.containers import check_own_user
from sandbox.instagram.rules import read_parameters
from sandbox.instagram.state import Container, state

NOT_PUBLISHABLE = {
    "PUBLISHED": "24/2207008",  # undocumented; the only certainty is that there is no second post
    "EXPIRED": "-2/2207020",
    "ERROR": "-1/2207032",
    "IN_PROGRESS": "9007/2207027",
}


@API.call("instagram.publish", "/graph/<version>/<user_id>/media_publish", "POST")
@API.call("instagram.publish", "/instagram/<version>/<user_id>/media_publish", "POST")
def publish_container(version: str, user_id: str) -> Response:
    """Publish a finished container. A second call is refused; there is never a second post."""
    account = authorize(version, PUBLISHING)
    check_own_user(account, user_id)
    parameters = read_parameters()
    if set(parameters) != {"creation_id"}:
        raise Refusal("100", "(#100) creation_id is required, and nothing else")
    world = current_world()
    container_id = str(parameters["creation_id"])
    note(container=container_id[:32])
    with world.lock:
        container = state().containers.get(container_id)
        if container is None or container.account is not account:
            raise Refusal("24/2207006")
        post = _publish(world, container)
    world.publish(post)
    note(media=post.id)
    return answer(id=post.id)


def _publish(world: World, container: Container) -> Post:
    """Turn a container into a post, under the world's lock, so that it happens once."""
    now, account = world.clock.now(), container.account
    state_now = container.status_code(now)
    if container.post is not None:
        state_now = "PUBLISHED"  # whether visible yet or not
    if state_now != "FINISHED" or container.video is None:
        raise Refusal(NOT_PUBLISHABLE[state_now])
    if state().posts.count(account.id, now) >= world.settings.instagram_posts_per_day:
        raise Refusal("9/2207042")
    state().posts.add(account.id, now)
    container.post = _make_post(container, now)
    container.shown_at = now + timedelta(seconds=world.settings.instagram_status_lag_seconds)
    return container.post


def _make_post(container: Container, now: datetime) -> Post:
    media_id = ids.number(17, "18")
    shortcode = base64.urlsafe_b64encode(media_id.to_bytes(8, "big")).decode().rstrip("=")
    assert container.video is not None
    return Post(
        platform="INSTAGRAM",
        account=container.account.id,
        id=str(media_id),
        caption=container.parameters.get("caption", ""),
        privacy="public",
        video=container.video,
        published_at=now,
        url=f"https://www.instagram.com/reel/{shortcode}/",
        source=container.id,
        resource={"shortcode": shortcode, "comment_enabled": True},
    )


@API.call("instagram.quota", "/graph/<version>/<user_id>/content_publishing_limit", "GET")
@API.call("instagram.quota", "/instagram/<version>/<user_id>/content_publishing_limit", "GET")
def read_quota(version: str, user_id: str) -> Response:
    """Return how many posts of the rolling 24 hours are used."""
    account: Account = authorize(version, PUBLISHING)
    check_own_user(account, user_id)
    world = current_world()
    with world.lock:
        used = state().posts.count(account.id, world.clock.now())
    config = {"quota_total": world.settings.instagram_posts_per_day, "quota_duration": 86_400}
    fields = select({"quota_usage": used, "config": config}, default="quota_usage")
    return answer(data=[fields])
