"""The sandbox's Flask application: all hosts of all platforms on one port, by path prefix."""

from flask import Flask, Response, jsonify, request
from werkzeug.exceptions import HTTPException, NotFound
from werkzeug.routing import RequestRedirect

from sandbox.consent import blueprint as consent_blueprint
from sandbox.control import blueprint as control_blueprint
from sandbox.core.world import World
from sandbox.pages import blueprint as pages_blueprint
from sandbox.platforms import PLATFORMS, platform_of_path

MAX_JSON_BYTES = 2_000_000  # of JSON; video bytes are read from the socket


def create_app(world: World) -> Flask:
    """Return the application that serves `world`."""
    app = Flask(__name__)
    app.config["MAX_CONTENT_LENGTH"] = MAX_JSON_BYTES
    app.url_map.merge_slashes = False
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.extensions["sandbox"] = world
    for platform in PLATFORMS.values():
        app.register_blueprint(platform.api.blueprint)
    app.register_blueprint(consent_blueprint)
    app.register_blueprint(control_blueprint)
    app.register_blueprint(pages_blueprint)
    app.before_request(refuse_redirects)
    app.register_error_handler(HTTPException, answer_http_error)
    return app


def refuse_redirects() -> None:
    """Refuse a path with a wrong trailing slash instead of redirecting."""
    if isinstance(request.routing_exception, RequestRedirect):
        raise NotFound


def answer_http_error(error: HTTPException) -> Response:
    """Render Flask's own errors (404, 405, a bug's 500) in the format of the path's platform."""
    platform = platform_of_path(request.path)
    if platform is None:
        response = jsonify(error=error.description)
        response.status_code = error.code or 500
        return response
    api = platform.api
    name = f"{api.platform.lower()}.unknown"
    return api.serve(name, None, lambda: api.render_http_error(name, error))
