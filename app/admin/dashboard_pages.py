"""rq-dashboard's pages, made safe: what they show of Redis is text, and only their scripts run.

The dashboard draws its pages in the browser, from templates that put what Redis holds into HTML as
it is: a worker's or a platform's words would become scripts with the operator's rights. So every
template is changed as it is loaded. `tests/admin` looks at what comes of it.
"""

from __future__ import annotations

import re
import secrets
from collections.abc import Callable
from pathlib import Path

from flask import Response, g
from jinja2 import Environment, FileSystemLoader
from rq_dashboard import blueprint as dashboard

from app.admin.guard import POLICY

#: Each pattern in the templates, and its replacement, in this order.
CHANGES = (
    # Underscore's raw output, escaped; what was escaped by hand is not to be so twice.
    (r"<%= \$\('<div/>'\)\.text\(([\w.]+)\)\.html\(\) %>", r"<%- \1 %>"),
    (r"<%=", "<%-"),
    # Jinja escapes nothing in a file that is not named `.html`.
    (r"'\{\{ queue\.name \}\}'", "{{ queue.name|tojson }}"),
    (r'<script type="text/javascript">', '<script nonce="{{ script_nonce() }}">'),
)
#: The templates are compiled in the browser, which needs `eval`; they have styles of their own, and
#: Bootstrap's have pictures in them.
LOOSER = {
    "script-src 'self'": "script-src 'self' 'nonce-%s' 'unsafe-eval'",
    "style-src 'self'": "style-src 'self'; style-src-attr 'unsafe-inline'",
    "img-src 'self'": "img-src 'self' data:",
}


class _SafeTemplates(FileSystemLoader):
    def get_source(
        self, environment: Environment, template: str
    ) -> tuple[str, str, Callable[[], bool]]:
        source, path, is_current = super().get_source(environment, template)
        for pattern, replacement in CHANGES:
            source = re.sub(pattern, replacement, source)
        return source, path, is_current


def script_nonce() -> str:
    """Return what marks this answer's own script."""
    if "script_nonce" not in g:
        g.script_nonce = secrets.token_urlsafe(16)
    return str(g.script_nonce)


def set_policy(response: Response) -> Response:
    """Set the content security policy of the dashboard's pages."""
    policy = POLICY
    for part, looser in LOOSER.items():
        policy = policy.replace(part, looser)
    response.headers["Content-Security-Policy"] = policy % script_nonce()
    return response


def make_pages_safe() -> None:
    """Change the dashboard's blueprint, before an application registers it; again is no harm."""
    dashboard.jinja_loader = _SafeTemplates(Path(dashboard.root_path, "templates"))
