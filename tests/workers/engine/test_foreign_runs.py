"""Runs that nobody here has queued: whoever can write to Redis executes nothing of their own."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from redis import Redis
from rq import Queue
from rq.serializers import JSONSerializer

from app.clock import utcnow
from app.config import Config
from app.ids import new_id
from app.queries.processes import count_workers
from app.queues import MAINTENANCE_QUEUE, Run, RunQueue, new_post_run, new_run
from app.queues.names import ADVANCE, ARGUMENTS_OF, DELIVER, FUNCTIONS, RELEASE
from app.queues.run import FAILURE_TTL_SECONDS
from tests.databases import ON_POSTGRES
from tests.processes import Process, wait_until
from workers.engine.refusals import why_refused

# One database: no run here gets as far as a row.
pytestmark = [ON_POSTGRES, pytest.mark.usefixtures("context")]


@pytest.fixture
def worker(config: Config, tmp_path: Path) -> Iterator[Process]:
    """A running worker, as it is deployed."""
    with Process("workers.worker", config, tmp_path / "worker.log") as process:
        wait_until(lambda: count_workers(utcnow())["TIKTOK"], "a worker")
        yield process


def errors(log: Path) -> list[str]:
    """Return the messages of a process's lines of errors."""
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    return [line["message"] for line in lines if line["levelname"] == "ERROR"]


def called(redis: Redis, call: object) -> Run:
    """Return a run that has this call in its hash."""
    run = Run(new_id(), redis)
    run.restore({b"data": json.dumps(call).encode()})
    return run


def test_run_of_a_foreign_function_is_refused(
    redis: Redis, worker: Process, tmp_path: Path
) -> None:
    """As RQ itself queues it, with nothing of this project."""
    proof = tmp_path / "proof"
    queue = Queue(MAINTENANCE_QUEUE, connection=redis, serializer=JSONSerializer)
    run_id = queue.enqueue("os.mkdir", str(proof)).id
    registry = RunQueue(MAINTENANCE_QUEUE, redis).failed_job_registry
    wait_until(lambda: registry.get_job_ids() or proof.exists(), "its end")
    assert registry.get_job_ids() == [run_id] and not proof.exists()
    result = Run.fetch(run_id, connection=redis).latest_result()
    assert result is not None and result.exc_string == "refused: no run calls 'os.mkdir'"
    assert errors(worker.log) == [f"run {run_id} is refused: no run calls 'os.mkdir'"]


def test_every_run_of_ours_is_executed(redis: Redis) -> None:
    post = new_post_run(redis, "TIKTOK", new_id(), "publish-tiktok", new_id())
    others = [new_run(redis, name, (), MAINTENANCE_QUEUE, "") for name in ARGUMENTS_OF]
    for run in (post, *others):
        stored = Run(run.id, redis)
        stored.restore({b"data": run.data})
        assert (why_refused(stored) is None) == (run is post or run.func_name != ADVANCE)
    assert set(ARGUMENTS_OF) < set(FUNCTIONS)


@pytest.mark.parametrize(
    ("call", "why"),
    [
        ([RELEASE, None, ["01", 1], {}], f"no run calls '{RELEASE}'"),
        ([["os.mkdir"], None, ["x"], {}], "no run calls ['os.mkdir']"),
        ([None, None, [], {}], "no run calls None"),
        (["x" * 1000, None, [], {}], f"no run calls '{'x' * 99}"),
        ([DELIVER, {"a": 1}, [], {}], f"no run calls '{DELIVER}' like this"),
        ([DELIVER, "", [], {}], f"no run calls '{DELIVER}' like this"),
        ([DELIVER, None, [], {"a": 1}], f"no run calls '{DELIVER}' like this"),
        ([DELIVER, None, ["x"], {}], f"no run calls '{DELIVER}' like this"),
        ([ADVANCE, None, ["TIKTOK"], {}], f"no run calls '{ADVANCE}' like this"),
        ([ADVANCE, None, ["TIKTOK", 7], {}], f"no run calls '{ADVANCE}' like this"),
        ([ADVANCE, None, ["TIKTOK", ["x"]], {}], f"no run calls '{ADVANCE}' like this"),
        ([ADVANCE, None, None, {}], f"no run calls '{ADVANCE}' like this"),
        ([ADVANCE], "its call is unreadable"),
        ({}, "its call is unreadable"),
        (7, "its call is unreadable"),
    ],
)
def test_run_is_refused(redis: Redis, call: object, why: str) -> None:
    assert why_refused(called(redis, call)) == why


@pytest.mark.parametrize(
    ("run_id", "fields"),
    [
        ("half", {"status": "queued", "enqueued_at": "2026-01-01T00:00:00.000000Z"}),
        ("a b", {"data": "[]"}),
        ("undated", {"data": "[]", "created_at": "x"}),
        ("binary", {"data": "[]", "description": b"\xff"}),
        ("depending", {"data": "[]", "dependency_ids": "{"}),
    ],
)
def test_hash_that_is_no_run_is_dropped_and_takes_no_worker_with_it(
    redis: Redis, worker: Process, run_id: str, fields: dict[str, str | bytes]
) -> None:
    queue = RunQueue(MAINTENANCE_QUEUE, redis)
    redis.hset(Run.key_for(run_id), mapping=fields)  # type: ignore[arg-type]
    queue.push_job_id(run_id)
    wait_until(lambda: not redis.exists(Run.key_for(run_id)), "its end")
    worker.check()
    left = (queue.count, redis.zcard(queue.started_key), queue.failed_job_registry.get_job_ids())
    assert left == (0, 0, [])
    [error] = errors(worker.log)
    assert error.startswith(f"run '{run_id}' is dropped, as its hash is no run: ")


@pytest.mark.parametrize("ttl", ["0", str(10**30)])
def test_run_that_names_no_queue_and_a_term_of_its_own_is_kept_like_any_other(
    redis: Redis, worker: Process, ttl: str
) -> None:
    """Redis refuses such a term: the worker would take it for absent, and try for ever."""
    queue = RunQueue(MAINTENANCE_QUEUE, redis)
    redis.hset(Run.key_for("odd"), mapping={"data": "[]", "failure_ttl": ttl})
    queue.push_job_id("odd")
    wait_until(lambda: queue.failed_job_registry.get_job_ids() == ["odd"], "the refusal")
    assert FAILURE_TTL_SECONDS - 60 < int(str(redis.ttl(Run.key_for("odd")))) <= FAILURE_TTL_SECONDS
    assert redis.zcard(queue.started_key) == 0


def test_run_that_is_pickled_is_refused(redis: Redis) -> None:
    run = Run(new_id(), redis)
    run.restore({b"data": b"\x80\x04N."})
    assert why_refused(run) == "its call is unreadable"
