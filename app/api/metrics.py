"""`/api/metrics` and `/metrics`: the service's metrics, as JSON and for Prometheus."""

from __future__ import annotations

from typing import Any

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.api.auth import for_services
from app.api.blueprint import Blueprint
from app.api.description import SERVICE_KEY_ONLY
from app.api.metric_views import metrics_of
from app.api.prometheus import exposition
from app.clock import utcnow
from app.schemas.metrics import MetricsQuery, MetricsSchema

blueprint = Blueprint("metrics", __name__, description="Metrics of the service")
TEXT = {"type": "string", "description": "Prometheus's text format."}
EXAMPLE = (
    "# HELP publishing_jobs_ended_total Jobs that ended\n"
    "# TYPE publishing_jobs_ended_total counter\n"
    'publishing_jobs_ended_total{platform="TIKTOK",outcome="completed"} 1402.0\n'
)
_TIMES = {"p50": 0.03, "p95": 0.4, "p99": 2.1}
_ENDED = {
    "completed": 1402,
    "failed": 31,
    "cancelled": 4,
    "completedPerHour": 58.4,
    "failedPerHour": 1.3,
    "firstAttemptShare": 0.94,
    "successShare": 0.978,
    "retriesPerJob": 0.06,
    "uploadedBytes": 28040000000,
    "dueToStartSeconds": _TIMES,
    "startToLiveSeconds": {"p50": 21.0, "p95": 64.0, "p99": 170.0},
    "uploadBytesPerSecond": {"p50": 8.1e6, "p95": 2.2e7, "p99": 3.1e7},
    "errors": [{"category": "rate_limit", "code": "spam_risk_too_many_posts", "count": 12}],
}
WINDOW = {
    "window": "24h",
    "start": "2026-11-25T12:00:00.000Z",
    "end": "2026-11-26T12:03:21.000Z",
    "total": _ENDED,
    "platforms": [
        {
            "platform": "TIKTOK",
            **_ENDED,
            "waiting": 3,
            "delayed": 210,
            "active": 5,
            "lateSeconds": 0.2,
            "limits": [],
            "accountPeaks": [
                {
                    "counts": "posts",
                    "windowSeconds": 86400,
                    "mostUsed": 14,
                    "share": 0.933,
                    "accountsNear": 3,
                }
            ],
        }
    ],
    "series": {
        "seconds": 3600,
        "points": [
            {
                "start": "2026-11-26T12:00:00.000Z",
                "platform": "TIKTOK",
                "completed": 61,
                "failed": 1,
            }
        ],
    },
    "processes": {
        "queues": [{"queue": "publish-tiktok", "queued": 3, "scheduled": 40}],
        "workers": {"TIKTOK": 2, "INSTAGRAM": 2, "YOUTUBE": 2},
        "schedulerLeads": True,
    },
    "troubles": {
        "pendingNotifications": 1,
        "storedNotifications": 0,
        "deadNotifications": 0,
        "accountsToReconnect": 2,
        "ambiguousJobs": 1,
    },
}


@blueprint.route("/api/metrics", methods=["GET"], operation="getMetrics")
@blueprint.doc(security=SERVICE_KEY_ONLY)
@blueprint.arguments(MetricsQuery, location="query")
@blueprint.response(200, MetricsSchema, example=WINDOW)
@for_services
def show(query: dict[str, Any]) -> dict[str, Any]:
    """Show what ended within a window, what is waiting, and which processes are alive

    Needs a service key and no user. Quantiles are estimated from buckets. A failed job that is
    retried is counted again when it ends again.
    """
    return metrics_of(query["window"], utcnow())


@blueprint.route("/metrics", methods=["GET"], operation="getPrometheusMetrics")
@blueprint.doc(security=SERVICE_KEY_ONLY)
@blueprint.response(200, TEXT, content_type="text/plain", example=EXAMPLE)
@for_services
def scrape() -> Response:
    """Export the metrics to Prometheus

    Any process answers for the whole service. Counters lag a minute or two behind and never fall.
    """
    return Response(exposition(utcnow()), content_type=CONTENT_TYPE_LATEST)
