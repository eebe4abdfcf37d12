"""The README's API commands are run as written; test_commands.py covers those of make."""

from __future__ import annotations

import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from redis import Redis

from tests.processes import PATIENCE_SECONDS, ROOT, wait_until

README = (ROOT / "README.md").read_text()
RUN = [sys.executable, "-m", "sandbox.development.run", "--var-dir"]


@dataclass(frozen=True)
class Running:
    """A running `make run`, and its output so far."""

    process: subprocess.Popen[bytes]
    log: Path
    var_dir: Path

    def address(self, name: str) -> str:
        """Return the URL printed after a name."""
        [found] = re.findall(rf"^  {name} +(http://[0-9.:]+)", self.log.read_text(), re.MULTILINE)
        return str(found)


@pytest.fixture
def running(tmp_path: Path) -> Iterator[Running]:
    """`make run`, in a folder of its own."""
    log, var_dir = tmp_path / "run.log", tmp_path / "var"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*RUN, str(var_dir)], cwd=ROOT, stdout=output, stderr=output, start_new_session=True
        )
    try:
        wait_until(lambda: "The publishing queue is up." in log.read_text(), "the stack")
        yield Running(process, log, var_dir)
    finally:
        process.terminate()
        process.wait(PATIENCE_SECONDS)


def test_api_by_curl_publishes_a_post(running: Running, tmp_path: Path) -> None:
    """One stack for all checks, since starting one takes a while."""
    [section] = re.findall(r"## The API by curl\n.*?```sh\n(.*?)```", README, re.DOTALL)
    [consent] = re.findall(r"### Connecting accounts\n.*?```sh\n(.*?)```", README, re.DOTALL)
    addresses = [running.address("API"), running.address("Platforms")]
    # For `npm run env` of the example, on whatever port it is.
    assert json.loads((running.var_dir / "development.json").read_text())["api_url"] == addresses[0]
    script = f"{section}\necho\n{consent}".replace("http://127.0.0.1:9000", addresses[1])
    done = _run("bash", "-euo", "pipefail", "-c", script, folder=tmp_path)
    assert done.returncode == 0, done.stderr
    *_, told, asked = (line for line in done.stdout.splitlines() if line.strip())
    status = json.loads(told)
    assert status["state"] == "completed"
    assert status["result"]["url"].startswith("https://www.youtube.com/watch?v=")
    # Its files, which include tokens, go to var/.
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run.log", "var"]
    assert json.loads(asked)["url"].startswith(f"{addresses[1]}/tiktok/v2/auth/authorize/?")

    second = _run(*RUN, str(running.var_dir), folder=ROOT)
    assert second.returncode == 1
    assert second.stderr == f"make run: another stack is running on {running.var_dir}\n"

    assert all(map(_answers, addresses))
    link = running.var_dir / "redis.sock"  # where the default REDIS_URL points
    with Redis.from_url(f"unix://{link}") as redis:
        assert redis.ping()
    running.process.send_signal(signal.SIGHUP)  # as when the terminal is closed
    assert running.process.wait(PATIENCE_SECONDS) == 0
    assert not any(map(_answers, addresses))
    assert not link.is_symlink()


def _run(*command: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=2 * PATIENCE_SECONDS
    )


def _answers(address: str) -> bool:
    host, _, port = address.removeprefix("http://").partition(":")
    try:
        socket.create_connection((host, int(port)), PATIENCE_SECONDS).close()
    except OSError:
        return False
    return True
