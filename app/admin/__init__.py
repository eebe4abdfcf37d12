"""The operator's pages: our own under `/admin`, and rq-dashboard under `/admin/queues`.

`operator` authenticates the operator, `guard` protects against CSRF and injected content; every
other module is a page or the actions of its buttons. They read through `app.queries` and act
through the functions that the API calls; nothing here knows SQL.
"""

from __future__ import annotations

from flask import Flask

from app.admin import actions, attention, jobs, limits, overview, platforms
from app.admin.blueprint import blueprint
from app.admin.guard import register_guard
from app.admin.operator_auth import register_operator
from app.admin.queues import register_dashboard

#: Modules that register views on the blueprint.
PAGES = (overview, attention, jobs, actions, platforms, limits)


def register_admin(app: Flask) -> None:
    """Register the operator's pages on an application."""
    register_operator(app)
    register_guard(app)
    app.register_blueprint(blueprint)
    register_dashboard(app)
