"""The operator's pages: `/admin` by us, `/admin/queues` by rq-dashboard.

`operator` lets nobody else in, `guard` keeps other pages' forms and scripts out, and each other
module is a page or what its buttons do. They read by `app.queries` and act by the functions that
the API calls; nothing here knows SQL.
"""

from __future__ import annotations

from flask import Flask

from app.admin import actions, attention, jobs, limits, overview, platforms
from app.admin.blueprint import blueprint
from app.admin.guard import register_guard
from app.admin.operator import register_operator
from app.admin.queues import register_dashboard

#: Modules that route views on the blueprint.
PAGES = (overview, attention, jobs, actions, platforms, limits)


def register_admin(app: Flask) -> None:
    """Add the operator's pages to an application."""
    register_operator(app)
    register_guard(app)
    app.register_blueprint(blueprint)
    register_dashboard(app)
