"""rq-dashboard at `/admin/queues`, adapted: JSON runs, our Redis, and no changes by GET.

`app.admin.operator_auth` has authenticated the operator before any of it runs.
"""

from __future__ import annotations

from typing import Any

from flask import Flask, Response, abort, jsonify, request
from redis import Redis
from redis.exceptions import RedisError
from rq import Worker
from rq.exceptions import InvalidJobOperation, NoSuchJobError
from rq.serializers import JSONSerializer
from rq_dashboard import blueprint as dashboard
from rq_dashboard import web

from app.admin.dashboard_pages import make_pages_safe, script_nonce, set_policy
from app.admin.operator_auth import PREFIX
from app.admin.shown_runs import ShownQueue, ShownRun, requeue_run
from app.api.errors import Unavailable, problem
from app.clock import to_iso
from app.queues import Run, RunQueue, current_redis

REGISTRIES = ("queued", "scheduled", "deferred", "started", "finished", "failed", "canceled")
PER_PAGE_MAX = 200
#: The views that change something. The dashboard also routes one of them for GET.
CHANGING_VIEWS = (
    "delete_job_view",
    "requeue_job_view",
    "requeue_all",
    "empty_queue",
    "compact_queue",
)


def register_dashboard(app: Flask) -> None:
    """Register the dashboard on an application."""
    web.config.serializer = JSONSerializer
    web.Job, web.Queue, web.requeue_job = ShownRun, ShownQueue, requeue_run
    # The pages show this instead of the URL of Redis, which may contain a password.
    app.config["RQ_DASHBOARD_REDIS_URL"] = ("redis",)
    redis: Redis = app.extensions["redis"]
    setattr(app, "redis_conn", redis)
    make_pages_safe()
    app.add_template_global(script_nonce)
    app.register_blueprint(dashboard, url_prefix=f"{PREFIX}/queues")
    # Replaces its own, which opens another connection to Redis for each request.
    app.before_request_funcs[dashboard.name] = [_check_request]
    app.after_request_funcs[dashboard.name] = [set_policy]
    app.view_functions[f"{dashboard.name}.list_workers"] = _list_workers
    app.view_functions[f"{dashboard.name}.compact_queue"] = _compact_queue
    app.register_error_handler(NoSuchJobError, _answer_no_run)
    app.register_error_handler(InvalidJobOperation, _answer_not_failed)
    app.register_error_handler(RedisError, _answer_redis_error)


def _check_request() -> None:
    """Refuse input on which the views would fail, and changes by any method but POST."""
    view = (request.endpoint or "").rpartition(".")[2]
    if view in CHANGING_VIEWS and request.method != "POST":
        abort(405, response=problem(405, "Use POST", headers={"Allow": "POST"}))
    arguments = request.view_args or {}
    expected = {
        "instance_number": (0,),
        "registry_name": REGISTRIES,
        "order": ("asc", "dsc"),
    }
    is_known = all(arguments.get(name, values[0]) in values for name, values in expected.items())
    if not is_known or not _is_page(arguments.get("page", "1"), arguments.get("per_page", "1")):
        abort(404)


def _is_page(page: Any, per_page: Any) -> bool:
    numbers = (str(page), str(per_page))
    if not all(number.isascii() and number.isdigit() and len(number) < 9 for number in numbers):
        return False
    return int(page) >= 1 and 1 <= int(per_page) <= PER_PAGE_MAX


def _list_workers(instance_number: int) -> Response:
    """Return the same as the dashboard's own view, which would unpickle the current runs."""
    workers = Worker.all(connection=current_redis(), job_class=ShownRun, queue_class=RunQueue)
    shown = [_worker(worker) for worker in workers]
    return jsonify(workers=sorted(shown, key=lambda worker: (worker["state"], worker["name"])))


def _compact_queue(queue_name: str) -> Response:
    """Do the same as the dashboard's own view, which fails on an empty queue."""
    queue = RunQueue(queue_name, current_redis())
    if queue.count:
        queue.compact()  # type: ignore[no-untyped-call]
    return jsonify(status="OK")


def _worker(worker: Any) -> dict[str, Any]:
    run = worker.get_current_job()
    return {
        "name": worker.name,
        "queues": worker.queue_names(),
        "state": str(worker.get_state()),
        "current_job": "idle" if run is None else _run(run),
        "version": worker.version or "",
        "python_version": worker.python_version or "",
    }


def _run(run: Run) -> dict[str, str | None]:
    return {
        "job_id": run.id,
        "description": run.description,
        "created_at": to_iso(run.created_at),
        "call_string": run.get_call_string(),
    }


def _answer_no_run(error: NoSuchJobError) -> Response:
    return problem(404, "Run not found")


def _answer_not_failed(error: InvalidJobOperation) -> Response:
    return problem(409, "Only a failed run can be queued again")


def _answer_redis_error(error: RedisError) -> Response:
    return problem(503, "Redis does not respond; try again", headers=Unavailable.headers)
