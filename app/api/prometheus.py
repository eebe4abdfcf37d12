"""Exports the metrics to Prometheus. They are read from the database, so any process may be
scraped and answers for the whole service.

https://prometheus.io/docs/instrumenting/writing_exporters/
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from itertools import accumulate

from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector
from redis.exceptions import RedisError

from app.failures import Category
from app.metrics.figures import Figures, Histogram
from app.platforms import PLATFORMS, Limit
from app.queries.depths import (
    COUNT_MAX,
    read_depths,
    read_queues,
    read_troubles,
    states_of,
)
from app.queries.gates import read_gates
from app.queries.limits import platform_uses
from app.queries.metrics import read_counted_until, read_totals
from app.queries.peaks import NEAR_PERCENT, account_peaks
from app.queries.processes import count_workers, leading_scheduler

_HISTOGRAMS = (
    ("lateness", "publishing_lateness_seconds", "From due to start, of jobs that ended"),
    ("live", "publishing_live_seconds", "From start to live"),
    ("throughput", "publishing_upload_bytes_per_second", "Speed at which workers send videos"),
)


def exposition(now: datetime) -> bytes:
    """Return all metrics in the text format; raises `SQLAlchemyError`."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(_Service(now))
    return generate_latest(registry)


class _Service(Collector):
    def __init__(self, now: datetime) -> None:
        self._now = now

    def describe(self) -> Sequence[Metric]:
        """Return nothing: otherwise registering would collect, and query the database."""
        return []

    def collect(self) -> Iterator[Metric]:
        """Yield every metric."""
        totals = {platform: Figures() for platform in PLATFORMS} | read_totals()
        yield from _ended(totals)
        yield from _histograms(totals)
        yield from _open_jobs(self._now)
        yield from _limits(self._now)
        yield from _peaks(self._now)
        yield from _gates(self._now)
        yield from _troubles()
        yield from _processes(self._now)
        yield from _queues()
        until = read_counted_until() or self._now
        yield GaugeMetricFamily(
            "publishing_counted_until_timestamp_seconds",
            "Watermark: the counters are complete up to this time",
            value=until.timestamp(),
        )


def _ended(totals: dict[str, Figures]) -> Iterator[Metric]:
    ended = _counter("publishing_jobs_ended", "Jobs that ended", "platform", "outcome")
    first = _counter("publishing_first_attempt", "Jobs completed on the first attempt", "platform")
    attempts = _counter("publishing_attempts", "Attempts of jobs that ended", "platform")
    uploaded = _counter(
        "publishing_uploaded_bytes", "Bytes of videos that workers sent", "platform"
    )
    errors = _counter("publishing_errors", "Attempts that failed", "platform", "category")
    for platform, figures in totals.items():
        for outcome in ("completed", "failed", "cancelled"):
            ended.add_metric([platform, outcome], getattr(figures, outcome))
        first.add_metric([platform], figures.first_try)
        attempts.add_metric([platform], figures.attempts)
        uploaded.add_metric([platform], figures.uploaded_bytes)
        # All of them: a series that appears with its first error would show no increase.
        for category in Category:
            count = sum(figures.errors.get(category.value, {}).values())
            errors.add_metric([platform, category.value], count)
    yield from (ended, first, attempts, uploaded, errors)


def _histograms(totals: dict[str, Figures]) -> Iterator[Metric]:
    for field, name, words in _HISTOGRAMS:
        family = HistogramMetricFamily(name, words, labels=["platform"])
        for platform, figures in totals.items():
            histogram: Histogram = getattr(figures, field)
            bounds = [*map(str, histogram.bounds), "+Inf"]
            buckets = list(zip(bounds, accumulate(histogram.counts)))
            family.add_metric([platform], buckets, histogram.total)
        yield family


def _open_jobs(now: datetime) -> Iterator[Metric]:
    jobs = _gauge(
        "publishing_jobs", f"Open jobs, up to {COUNT_MAX} of a state", "platform", "state"
    )
    late = _gauge(
        "publishing_late_seconds", "How long ago the earliest due job was due", "platform"
    )
    for depth in read_depths(now):
        for state, count in states_of(depth):
            jobs.add_metric([depth.platform, state], count)
        late.add_metric([depth.platform], depth.late.total_seconds())
    yield from (jobs, late)


def _limits(now: datetime) -> Iterator[Metric]:
    labels = ("platform", "counts", "scope", "window")
    most = _gauge("publishing_limit_max", "A limit of a platform", *labels)
    used = _gauge("publishing_limit_used", "How much of a limit is used", *labels)
    for platform in PLATFORMS:
        for use in platform_uses(platform, now):
            limit = use.limit
            values = [platform, limit.counts, limit.scope, _window(limit)]
            most.add_metric(values, use.max)
            if use.used is not None:
                used.add_metric(values, use.used)
    yield from (most, used)


def _peaks(now: datetime) -> Iterator[Metric]:
    """Yield how near accounts are to their own limits."""
    labels = ("platform", "counts", "window")
    used = _gauge("publishing_account_limit_used", "The most that any account has used", *labels)
    share = _gauge(
        "publishing_account_limit_share",
        "The greatest share of its own limit that any account has used, 0-1",
        *labels,
    )
    near = _gauge(
        "publishing_accounts_near_limit",
        f"Accounts that have used {NEAR_PERCENT} % of their limit or more",
        *labels,
    )
    for platform in PLATFORMS:
        for limit, peak in account_peaks(platform, now).items():
            values = [platform, limit.counts, _window(limit)]
            used.add_metric(values, peak.most_used)
            share.add_metric(values, peak.share)
            near.add_metric(values, peak.accounts_near)
    yield from (used, share, near)


def _window(limit: Limit) -> str:
    return f"{limit.window_seconds}s" if limit.window == "rolling" else limit.window


def _troubles() -> Iterator[Metric]:
    troubles = read_troubles()
    notifications = _gauge("publishing_notifications", "Webhooks not delivered", "state")
    notifications.add_metric(["pending"], troubles.pending_notifications)
    notifications.add_metric(["stored"], troubles.stored_notifications)
    notifications.add_metric(["dead"], troubles.dead_notifications)
    yield notifications
    yield GaugeMetricFamily(
        "publishing_accounts_to_reconnect",
        "Accounts that their owners must reconnect",
        value=troubles.accounts_to_reconnect,
    )
    yield GaugeMetricFamily(
        "publishing_ambiguous_jobs",
        "Jobs whose outcome a person must resolve",
        value=troubles.ambiguous_jobs,
    )


def _gates(now: datetime) -> Iterator[Metric]:
    paused = _gauge(
        "publishing_platform_paused", "Whether the operator has paused the platform", "platform"
    )
    circuit = _gauge(
        "publishing_circuit_open", "Whether the circuit breaker of the platform is open", "platform"
    )
    for platform, gate in read_gates(now).items():
        paused.add_metric([platform], int(gate.paused_at is not None))
        circuit.add_metric([platform], int(gate.is_circuit_open))
    yield from (paused, circuit)


def _processes(now: datetime) -> Iterator[Metric]:
    alive = count_workers(now)
    workers = _gauge("publishing_workers", "Worker processes alive", "platform")
    for platform in PLATFORMS:
        workers.add_metric([platform], alive[platform])
    yield workers
    yield GaugeMetricFamily(
        "publishing_scheduler_leads",
        "Whether a scheduler leads",
        value=int(leading_scheduler(now) is not None),
    )


def _queues() -> Iterator[Metric]:
    up = GaugeMetricFamily("publishing_redis_up", "Whether Redis responds")
    runs = _gauge("publishing_queue_runs", "Runs on RQ's queues", "queue", "state")
    try:
        depths = read_queues()
    except RedisError:
        depths = []
    for depth in depths:
        runs.add_metric([depth.queue, "queued"], depth.queued)
        runs.add_metric([depth.queue, "scheduled"], depth.scheduled)
    up.add_metric([], int(bool(depths)))
    yield from (up, runs)


def _counter(name: str, words: str, *labels: str) -> CounterMetricFamily:
    return CounterMetricFamily(name, words, labels=labels)


def _gauge(name: str, words: str, *labels: str) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, words, labels=labels)
