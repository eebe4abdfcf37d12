"""The control API under `/_sandbox`: accounts, faults, clock, settings, posts and journal."""

from typing import Any

from flask import Blueprint, Response, jsonify, request
from werkzeug.exceptions import BadRequest

from sandbox.control import accounts, faults
from sandbox.core.clock import iso, parse_iso
from sandbox.core.fields import json_object
from sandbox.core.world import current_world
from sandbox.platforms import PLATFORMS

blueprint = Blueprint("control", __name__, url_prefix="/_sandbox")
blueprint.register_blueprint(accounts.blueprint)
blueprint.register_blueprint(faults.blueprint)


@blueprint.errorhandler(ValueError)
def refuse(error: ValueError) -> Response:
    """Answer 400 and say what was wrong in the request."""
    response = jsonify(error=str(error))
    response.status_code = 400
    return response


@blueprint.get("/calls")
def list_calls() -> Response:
    """List the call names of each platform, as faults and the journal use them."""
    return jsonify({name: one.api.names for name, one in PLATFORMS.items()})


@blueprint.get("/errors")
def list_errors() -> Response:
    """List every error code and failure reason the sandbox can produce."""
    return jsonify(
        {
            name: {
                "errors": [spec.to_json() for spec in one.api.errors.values()],
                "fail_reasons": [reason.to_json() for reason in one.api.fail_reasons.values()],
            }
            for name, one in PLATFORMS.items()
        }
    )


@blueprint.get("/journal")
def read_journal() -> Response:
    """List the journal entries after number `after`, oldest first."""
    after = request.args.get("after", "0")
    if not after.isdecimal():
        raise BadRequest("after must be a number")
    return jsonify(entries=current_world().journal.after(int(after)))


@blueprint.get("/posts")
def list_posts() -> Response:
    """List the live posts, oldest first; `platform` and `account` filter them."""
    world = current_world()
    posts = (post.to_json() for post in world.posts.live(world.clock.now()))
    wanted = {name: request.args[name] for name in ("platform", "account") if name in request.args}
    return jsonify(posts=[post for post in posts if wanted.items() <= post.items()])


@blueprint.get("/clock")
def read_clock() -> Response:
    """Return the sandbox's time."""
    return jsonify(now=iso(current_world().clock.now()))


@blueprint.post("/clock")
def move_clock() -> Response:
    """Set the clock to `now`, or advance it by `advance_seconds`."""
    clock = current_world().clock
    body = json_object()
    if set(body) == {"advance_seconds"} and isinstance(body["advance_seconds"], (int, float)):
        clock.advance(body["advance_seconds"])
    elif set(body) == {"now"} and isinstance(body["now"], str):
        clock.set(parse_iso(body["now"]))
    else:
        raise ValueError("give either advance_seconds or now")
    return read_clock()


@blueprint.get("/settings")
def read_settings() -> Response:
    """List the settings."""
    return jsonify(current_world().settings.to_json())


@blueprint.post("/settings")
def change_settings() -> Response:
    """Change the given settings."""
    world = current_world()
    changes: dict[str, Any] = json_object()
    with world.lock:
        world.settings = world.settings.changed(changes)
    return read_settings()


@blueprint.post("/reset")
def reset() -> Response:
    """Delete accounts, posts, uploads, faults and settings, and reset the clock."""
    current_world().reset()
    return jsonify(reset=True)
