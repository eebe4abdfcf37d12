"""The HTTP API: a blueprint per resource, authentication, errors and the OpenAPI description."""

from __future__ import annotations

from flask import Flask, request
from flask_swagger_ui import get_swaggerui_blueprint

from app.api import (
    accounts,
    consents,
    events,
    health,
    media,
    metrics,
    notifications,
    platforms,
    posts,
    publish,
    steering,
    videos,
)
from app.api.auth import register_auth
from app.api.blueprint import Blueprint
from app.api.description import API_OPTIONS, DescribedApi
from app.api.errors import NotFound, register_error_handlers
from app.api.origins import register_origins
from app.ids import is_id
from app.intake import Intake

BLUEPRINTS: tuple[Blueprint, ...] = (
    publish.blueprint,
    events.blueprint,
    steering.blueprint,
    videos.blueprint,
    accounts.blueprint,
    consents.blueprint,
    posts.blueprint,
    platforms.blueprint,
    notifications.blueprint,
    health.blueprint,
    metrics.blueprint,
    media.blueprint,
)
DOCS_URL = "/api/docs"
DESCRIPTION_URL = "/api/openapi.json"


def register_api(app: Flask) -> None:
    """Register every route, the error handlers and authentication on an application."""
    app.config.update(API_OPTIONS)
    register_origins(app)
    register_auth(app)
    app.before_request(_refuse_malformed_ids)
    register_error_handlers(app)
    api = DescribedApi(app)
    for blueprint in BLUEPRINTS:
        api.register_blueprint(blueprint)
    pages = get_swaggerui_blueprint(DOCS_URL, DESCRIPTION_URL, config={"app_name": "API"})
    app.register_blueprint(pages)
    events.register_events(app)
    app.extensions["intake"] = Intake()


def _refuse_malformed_ids() -> None:
    """Answer 404 for a malformed id, as for an unknown one, before any query sees it."""
    if not request.path.startswith("/api/"):
        return
    for name, value in (request.view_args or {}).items():
        if name.endswith("_id") and not is_id(value):
            raise NotFound(f"{name.removesuffix('_id').capitalize()} not found")
