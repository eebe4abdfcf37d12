"""A process that holds a lock and goes silent: frozen, or on a machine that lost power.

The server ends the session of a dead process at once. A silent one it would wait for, for hours
by default, and everything that process had locked would be stuck for as long.
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
    """Freeze a process that holds its platform's lock; let it continue at the end."""
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
def test_platform_goes_on_while_a_frozen_process_holds_its_lock(config: Config) -> None:
    job = make_job()
    with frozen_holder(config) as holder:
        claim = claim_next("TIKTOK", utcnow())
        assert claim is not None and claim.job_id == job.id
        os.kill(holder.pid, signal.SIGCONT)
        _, told = holder.communicate(input="")
        assert holder.returncode != 0
        # Handled like any lost connection: writes that may be repeated are.
        assert "sqlalchemy.exc.OperationalError" in told and "idle-in-transaction" in told


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
def test_slow_transaction_is_not_rolled_back(config: Config) -> None:
    """On a busy machine, a transaction may idle for seconds."""
    with transaction() as session:
        gates.lock(session, "TIKTOK")
        time.sleep(IDLE_TRANSACTION_SECONDS / 3)
        assert gates.lock(session, "TIKTOK").key == "TIKTOK"
