"""The worker process: `python -m workers.worker`, an RQ worker for the configured platforms."""

from __future__ import annotations

from flask import Flask

from app import create_base
from app.config import Config
from app.database.versions import wait_for_tables
from app.extensions import db
from app.ids import new_id
from app.platforms import PLATFORMS
from app.queues import (
    BACKGROUND_QUEUE,
    CONNECT_QUEUE,
    ENCODE_QUEUE,
    MAINTENANCE_QUEUE,
    PUBLISH_QUEUES,
    RunQueue,
    connect_redis,
)
from app.queues.names import HEARTBEAT, TIDY
from app.settings import process_config
from workers.accounts import consents
from workers.engine import heartbeat
from workers.engine.orders import Call
from workers.engine.slots import Slots
from workers.engine.timer import POLL_POOL
from workers.engine.worker import RESPONSE_SECONDS, PublishWorker
from workers.handlers import handler_module
from workers.maintenance import at_risk, counts, follow_ups, renewals, tallies
from workers.media import renditions
from workers.publishing import pipeline
from workers.webhooks import delivery

#: The modules that runs call, loaded before the fork so that children share their memory.
PRELOADED = (
    pipeline,
    delivery,
    follow_ups,
    at_risk,
    renewals,
    renditions,
    counts,
    tallies,
    consents,
    heartbeat,
    *map(handler_module, PLATFORMS),
)
#: Also on machines that no longer transcode: a crash may have left gigabytes behind.
TIDY_SECONDS = 3600.0
#: Background runs at once: while one waits for a platform that hangs, another serves the others.
BACKGROUND_RUNS = 2


def build_worker(app: Flask, config: Config) -> PublishWorker:
    """Return the worker for the platforms and the concurrency of the settings."""
    # No retries: the client would repeat a command that took effect, and pop a second run.
    connection = connect_redis(
        config.redis_url, response_seconds=RESPONSE_SECONDS, retries=0, most=None
    )
    names = [PUBLISH_QUEUES[platform] for platform in config.worker_platforms]
    others = {POLL_POOL.format(platform): 1 for platform in config.worker_platforms}
    others |= {
        MAINTENANCE_QUEUE: 1,
        BACKGROUND_QUEUE: BACKGROUND_RUNS,
        CONNECT_QUEUE: 1,
        HEARTBEAT: 1,
        TIDY: 1,
    }
    queues = [*names, MAINTENANCE_QUEUE, BACKGROUND_QUEUE, CONNECT_QUEUE]
    if config.encode_concurrency:  # at 0, other machines transcode
        others[ENCODE_QUEUE] = config.encode_concurrency
        queues.append(ENCODE_QUEUE)
    platforms = ",".join(config.worker_platforms)
    beat = Call(HEARTBEAT, (new_id(), platforms, config.worker_concurrency))
    return PublishWorker(
        app,
        [RunQueue(name, connection) for name in queues],
        connection,
        Slots(names, config.worker_concurrency, others),
        periodic={beat: heartbeat.HEARTBEAT_SECONDS, Call(TIDY): TIDY_SECONDS},
    )


def main() -> None:
    """Run the worker until SIGTERM or SIGINT."""
    config = process_config()
    app = create_base(config)
    with app.app_context():
        wait_for_tables()
        db.engine.dispose()  # children must not share a connection
    build_worker(app, config).work()


if __name__ == "__main__":
    main()
