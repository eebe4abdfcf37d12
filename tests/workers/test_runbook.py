"""The commands of docs/operations.md, executed as they are written there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from app.config import ROOT, Config
from tests.databases import ON_SQLITE
from tests.processes import PATIENCE_SECONDS, environment

RUNBOOK = (ROOT / "docs" / "operations.md").read_text()
COMMANDS = [
    line
    for block in re.findall(r"```sh\n(.*?)```", RUNBOOK, re.DOTALL)
    for line in block.splitlines()
]
BIN = Path(sys.executable).parent


@pytest.mark.usefixtures("app", "platforms")
@pytest.mark.parametrize("command", COMMANDS)
@ON_SQLITE
def test_command_of_the_runbook_works(config: Config, command: str) -> None:
    # `-o`: the environment is there, whatever the files' times say.
    command = command.replace("make doctor", "make -o .venv/.ready doctor")
    variables = environment(config, LOG_LEVEL="WARNING")
    done = subprocess.run(
        command.replace(".venv/bin", str(BIN)),
        shell=True,
        cwd=ROOT,
        env=variables,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout
    assert "wrong" not in done.stdout
