"""The worker process: `python -m workers.worker`. RQ workers for the platforms it is given."""

from __future__ import annotations

from flask import Flask

from app import create_base
from app.config import Config
from app.extensions import db
from app.ids import new_id
from app.platforms import PLATFORMS
from app.queues import (
    CONNECT_QUEUE,
    ENCODE_QUEUE,
    LOOKS_QUEUE,
    MAINTENANCE_QUEUE,
    PUBLISH_QUEUES,
    RunQueue,
    connect_redis,
)
from app.queues.names import PRESENCE, TIDY
from app.settings import process_config
from workers.accounts import consents
from workers.engine import presence
from workers.engine.orders import Call
from workers.engine.slots import Slots
from workers.engine.waits import POLL_LANE
from workers.engine.worker import ANSWER_SECONDS, PublishWorker
from workers.handlers import handler_module
from workers.maintenance import at_risk, counts, follow_ups, renewals, tallies
from workers.media import renditions
from workers.publishing import pipeline
from workers.webhooks import delivery as notify

#: What runs call, loaded before the fork so that every child shares it.
PRELOADED = (
    pipeline,
    notify,
    follow_ups,
    at_risk,
    renewals,
    renditions,
    counts,
    tallies,
    consents,
    presence,
    *map(handler_module, PLATFORMS),
)
#: Also on machines that no longer transcode: a crash may have left gigabytes behind.
TIDY_SECONDS = 3600.0
#: Runs at once that ask platforms what can wait: while one hangs, another asks another platform.
LOOKS = 2


def build_worker(app: Flask, config: Config) -> PublishWorker:
    """Return the worker for the platforms and the concurrency of the settings."""
    # What may have been done must not be done again by the client: it would take a second run.
    connection = connect_redis(config.redis_url, answer_seconds=ANSWER_SECONDS, retries=0)
    names = [PUBLISH_QUEUES[platform] for platform in config.worker_platforms]
    others = {POLL_LANE.format(platform): 1 for platform in config.worker_platforms}
    others |= {MAINTENANCE_QUEUE: 1, LOOKS_QUEUE: LOOKS, CONNECT_QUEUE: 1, PRESENCE: 1, TIDY: 1}
    queues = [*names, MAINTENANCE_QUEUE, LOOKS_QUEUE, CONNECT_QUEUE]
    if config.encode_concurrency:  # else these are left to other machines
        others[ENCODE_QUEUE] = config.encode_concurrency
        queues.append(ENCODE_QUEUE)
    beat = Call(PRESENCE, (new_id(), ",".join(config.worker_platforms), config.worker_concurrency))
    return PublishWorker(
        app,
        [RunQueue(name, connection) for name in queues],
        connection,
        Slots(names, config.worker_concurrency, others),
        repeated={beat: presence.BEAT_SECONDS, Call(TIDY): TIDY_SECONDS},
    )


def main() -> None:
    """Start the process tree and stay until told to stop."""
    config = process_config()
    app = create_base(config)
    with app.app_context():
        db.engine.dispose()  # a connection must not be shared with a child
    build_worker(app, config).work()


if __name__ == "__main__":
    main()
