"""The worker process: `python -m workers.worker`. RQ workers for the platforms it is given."""

from __future__ import annotations

import logging
import os
import socket
from functools import partial
from types import FrameType

from flask import Flask
from redis import Redis
from redis.client import Pipeline
from redis.exceptions import RedisError
from rq import Queue, SimpleWorker
from rq.executions import Execution
from rq.job import Job
from rq.worker import DequeueStrategy
from rq.worker_registration import REDIS_WORKER_KEYS

from app import create_base
from app.config import Config
from app.extensions import db
from app.ids import new_id
from app.queues import ENCODE_QUEUE, MAINTENANCE_QUEUE, PUBLISH_QUEUES, Run, RunQueue
from app.settings import process_config
from workers import follow_ups, notify, pipeline
from workers.background import Repeated
from workers.lease import stop_requested
from workers.media import encode
from workers.supervisor import Supervisor

logger = logging.getLogger(__name__)
#: A worker that is idle or busy is heard of this often, and forgotten soon after.
PULSE_SECONDS = 60
#: RQ waits for a run 15 seconds less than this, then gives a sign of life and waits again.
WORKER_TTL_SECONDS = PULSE_SECONDS + 15
#: What runs call, loaded before the fork so that every child shares it.
PRELOADED = (pipeline, notify, follow_ups, encode)


class PublishWorker(SimpleWorker):
    """An RQ worker whose runs have the application around them, and hand back on SIGTERM.

    It executes runs in its own process: the supervisor replaces it when one kills it, and the
    row's lease brings the job back.
    """

    job_class = Run
    queue_class: type[Queue] = RunQueue

    def __init__(self, app: Flask, queues: list[RunQueue], connection: Redis) -> None:
        name = f"{socket.gethostname()}-{os.getpid()}-{new_id()[-6:]}"
        super().__init__(queues, name=name, connection=connection, worker_ttl=WORKER_TTL_SECONDS)
        self._app = app

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Execute a run inside an application context of its own."""
        beat = partial(self._beat, job, execution)
        with self._app.app_context(), Repeated("pulse", PULSE_SECONDS, beat):
            return super().perform_job(job, queue, execution)

    def _beat(self, job: Job, execution: Execution) -> bool:
        """Give a sign of life amid a run; RQ's simple worker does so only between two."""
        try:
            self.maintain_heartbeats(job, execution)
        except RedisError as exc:
            logger.warning("no sign of life given: %s", type(exc).__name__)
        return True

    def heartbeat(self, timeout: int | None = None, pipeline: Pipeline | None = None) -> None:
        """Give a sign of life; register again where Redis has forgotten this worker."""
        if pipeline is None and not self.connection.sismember(REDIS_WORKER_KEYS, self.key):
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]
        super().heartbeat(timeout, pipeline)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Take no more runs, and let the one at work hand its job back."""
        stop_requested.set()
        super().request_stop(signum, frame)  # type: ignore[no-untyped-call]

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """Do nothing: a second signal, such as a terminal's beside the supervisor's, must not
        break off the run that is about to hand its job back. The supervisor ends what is late.
        """


def main() -> None:
    """Start the process tree and stay until told to stop."""
    config = process_config()
    app = create_base(config)
    with app.app_context():
        db.engine.dispose()

    def work(number: int) -> None:
        names = [PUBLISH_QUEUES[platform] for platform in config.worker_platforms]
        is_encoder = number >= config.worker_concurrency
        work_until_stopped(
            app, config, [ENCODE_QUEUE] if is_encoder else [*names, MAINTENANCE_QUEUE]
        )

    Supervisor(config.worker_concurrency + config.encode_concurrency, work).run()


def work_until_stopped(app: Flask, config: Config, names: list[str]) -> None:
    """Be one RQ worker."""
    # A client of its own: RQ's blocking pop outlasts the time limits of the API's client.
    connection = Redis.from_url(config.redis_url, health_check_interval=30)
    queues = [RunQueue(name, connection) for name in names]
    PublishWorker(app, queues, connection).work(
        # RQ tells of every run at INFO; ours are told by the pipeline.
        logging_level="DEBUG" if config.log_level == "DEBUG" else "WARNING",
        dequeue_strategy=DequeueStrategy.ROUND_ROBIN,
        with_scheduler=False,
    )


if __name__ == "__main__":
    main()
