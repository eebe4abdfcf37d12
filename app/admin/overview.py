"""`/admin`: the state of the service on one page."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from flask import render_template, request
from marshmallow import fields
from marshmallow.validate import OneOf
from redis.exceptions import RedisError

from app.admin.blueprint import blueprint, read_values
from app.admin.filters import now
from app.admin.plots import plots_of
from app.queries.depths import (
    COUNT_MAX,
    Depth,
    QueueDepth,
    read_depths,
    read_queues,
    read_troubles,
)
from app.queries.gates import GateView, read_gates
from app.queries.limits import LimitUse, platform_uses, uploads_now
from app.queries.metrics import WINDOWS, read_window
from app.queries.processes import count_workers, leading_scheduler, list_workers
from app.queues import HORIZON
from app.schemas.base import BaseSchema

_CONCURRENT_UPLOADS = ("at_once", "platform")


class WindowQuery(BaseSchema):
    """How far the plots look back."""

    window = fields.String(load_default="24h", validate=OneOf(list(WINDOWS)))


@dataclass(frozen=True)
class PlatformCard:
    """The current state of a platform; `workers`: the living processes that serve it."""

    name: str
    depth: Depth
    gate: GateView
    uploads: int
    uploads_max: int
    workers: int
    limits: Sequence[LimitUse]


@blueprint.get("", strict_slashes=False)
def overview() -> str:
    """Show throughput, failures, platforms, processes and what needs a person."""
    window = read_values(WindowQuery, request.args)["window"]
    view = read_window(window, now())
    return render_template(
        "admin/overview.html",
        window=window,
        windows=list(WINDOWS),
        view=view,
        plots=plots_of(view),
        count_max=COUNT_MAX,
        cards=_cards(),
        workers=list_workers(now()),
        leader=leading_scheduler(now()),
        queues=_queues(),
        horizon=HORIZON,
        troubles=read_troubles(),
    )


def _cards() -> list[PlatformCard]:
    gates, uploads, workers = read_gates(now()), uploads_now(now()), count_workers(now())
    cards = []
    for depth in read_depths(now()):
        uses = platform_uses(depth.platform, now())
        at_once = [
            use for use in uses if (use.limit.window, use.limit.scope) == _CONCURRENT_UPLOADS
        ]
        cards.append(
            PlatformCard(
                name=depth.platform,
                depth=depth,
                gate=gates[depth.platform],
                uploads=uploads[depth.platform],
                uploads_max=at_once[0].max,
                workers=workers[depth.platform],
                limits=[use for use in uses if use.used is not None],
            )
        )
    return cards


def _queues() -> list[QueueDepth] | None:
    """Return the depths of RQ's queues; None while Redis does not respond."""
    try:
        return read_queues()
    except RedisError:
        return None
