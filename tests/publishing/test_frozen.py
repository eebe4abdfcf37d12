"""Who holds a lock and is gone without a word: frozen, or on a machine that lost its power.

The server ends a dead process's session at once. Of one that is only silent it hears nothing, for
hours by default, and whatever that one had locked would be stuck for as long.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from app.clock import utcnow
from app.config import Config
from app.database.engine import IDLE_TRANSACTION_SECONDS
from app.database.transaction import transaction
from app.limits import gates
from app.publishing.claims import claim_next
from tests.factories import make_job
from tests.processes import ROOT, environment

_HOLDER = """
import sys
from app import create_base
from app.limits import gates
from app.database.transaction import transaction
from app.settings import process_config

with create_base(process_config()).app_context(), transaction() as session:
    gates.lock(session, "TIKTOK")
    print("locked", flush=True)
    sys.stdin.read()
"""


@contextmanager
def frozen_holder(config: Config) -> Iterator[subprocess.Popen[str]]:
    """Stop a process of ours while it holds its platform's lock; go on with it at the end."""
    process = subprocess.Popen(
        [sys.executable, "-c", _HOLDER],
        cwd=ROOT,
        env=environment(config),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "locked\n"
        os.kill(process.pid, signal.SIGSTOP)
        yield process
    finally:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_platform_goes_on_beside_a_process_that_froze_with_its_lock(config: Config) -> None:
    job = make_job()
    with frozen_holder(config) as holder:
        claim = claim_next("TIKTOK", utcnow())
        assert claim is not None and claim.job_id == job.id
        os.kill(holder.pid, signal.SIGCONT)
        _, told = holder.communicate(input="")
        assert holder.returncode != 0
        # As of any connection that is lost: what may be repeated is repeated.
        assert "sqlalchemy.exc.OperationalError" in told and "idle-in-transaction" in told


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_transaction_that_takes_its_time_is_left_alone(config: Config) -> None:
    """Seconds are nothing to a machine that is busy."""
    with transaction() as session:
        gates.lock(session, "TIKTOK")
        time.sleep(IDLE_TRANSACTION_SECONDS / 3)
        assert gates.lock(session, "TIKTOK").key == "TIKTOK"
