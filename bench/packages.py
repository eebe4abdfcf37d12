"""The memory of a process that has loaded the service's packages, and none of its code."""

from __future__ import annotations

import sys

from bench.bench import Bench
from bench.processes import Tree

_PROGRAM = """
import boto3, flask, flask_sqlalchemy, marshmallow, psycopg, redis, requests, rq, rq_scheduler
import sqlalchemy.orm
store = boto3.client(
    "s3", region_name="auto", aws_access_key_id="id", aws_secret_access_key="secret"
)
print("loaded", flush=True)
input()
"""


def loaded_bytes(bench: Bench) -> int:
    """Return the memory of a process that imports them and makes a client of the store."""
    with Tree([sys.executable, "-c", _PROGRAM], {}, bench.folder / "packages.log") as process:
        process.line()
        return process.memory_bytes()
