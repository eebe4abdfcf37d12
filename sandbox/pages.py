"""The sandbox's web pages: live posts, recent calls, active faults, the guide."""

from itertools import islice
from pathlib import Path

from flask import Blueprint, Response, abort, make_response, render_template

from sandbox.core.clock import iso
from sandbox.core.world import current_world
from sandbox.platforms import PLATFORMS

blueprint = Blueprint("pages", __name__)
GUIDE = Path(__file__).resolve().parent.parent / "docs" / "sandbox.md"
SHOWN_POSTS = 50
SHOWN_CALLS = 40


@blueprint.get("/")
def show_sandbox() -> Response:
    """Show the newest posts of each platform, recent calls and active faults."""
    world = current_world()
    now = world.clock.now()
    live = world.posts.live(now)
    platforms = [
        {
            "name": name,
            "posts": list(
                islice((post for post in reversed(live) if post.platform == name), SHOWN_POSTS)
            ),
            "count": sum(1 for post in live if post.platform == name),
        }
        for name in PLATFORMS
    ]
    return make_response(
        render_template(
            "sandbox.html",
            platforms=platforms,
            entries=world.journal.newest(SHOWN_CALLS),
            faults=world.faults.active(),
            now=iso(now),
        )
    )


@blueprint.get("/guide")
def show_guide() -> Response:
    """Show the guide, docs/sandbox.md."""
    return Response(GUIDE.read_text(encoding="utf-8"), content_type="text/plain; charset=utf-8")


@blueprint.get("/live/<platform>/<post_id>")
def show_post(platform: str, post_id: str) -> Response:
    """Show one live post."""
    world = current_world()
    post = world.posts.get(platform.upper(), post_id, world.clock.now())
    if post is None:
        abort(404)
    return make_response(
        render_template("post.html", post=post, published_at=iso(post.published_at))
    )
