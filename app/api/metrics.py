"""How the service does: for its operators, and for Prometheus."""

from __future__ import annotations

from typing import Any

from flask import Response
from prometheus_client import CONTENT_TYPE_LATEST

from app.api.auth import for_services
from app.api.blueprint import Blueprint
from app.api.metric_views import metrics_of
from app.clock import utcnow
from app.metrics.exposition import exposition
from app.schemas.metrics import MetricsQuery, MetricsSchema

blueprint = Blueprint("metrics", __name__, description="How the service does")
SECURITY: list[dict[str, list[str]]] = [{"serviceKey": []}]
TEXT = {"type": "string", "description": "Prometheus's text format."}
EXAMPLE = (
    "# HELP publishing_jobs_ended_total Jobs that ended\n"
    "# TYPE publishing_jobs_ended_total counter\n"
    'publishing_jobs_ended_total{platform="TIKTOK",outcome="completed"} 1402.0\n'
)


@blueprint.route("/api/metrics", methods=["GET"])
@blueprint.doc(security=SECURITY)
@blueprint.arguments(MetricsQuery, location="query")
@blueprint.response(200, MetricsSchema)
@for_services
def show(query: dict[str, Any]) -> dict[str, Any]:
    """Show what ended within a window, what waits, and who is at work

    For a service key, without a user. Quantiles are estimated from buckets. A failed job that is
    retried is counted again when it ends again.
    """
    return metrics_of(query["window"], utcnow())


@blueprint.route("/metrics", methods=["GET"])
@blueprint.doc(security=SECURITY)
@blueprint.response(200, TEXT, content_type="text/plain", example=EXAMPLE)
@for_services
def scrape() -> Response:
    """Show the metrics to Prometheus

    Of the whole service, whichever process is asked. Counters are about a minute behind, and
    never fall.
    """
    return Response(exposition(utcnow()), content_type=CONTENT_TYPE_LATEST)
