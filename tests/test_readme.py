"""Every command of the README is run: here those of the API, elsewhere those of make."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path

from sandbox.films import make_film
from sandbox.stack import Stack

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


def test_api_by_curl_publishes_a_post(tmp_path: Path) -> None:
    [section] = re.findall(r"## The API by curl\n.*?```sh\n(.*?)```", README, re.DOTALL)
    [consent] = re.findall(r"### Connecting accounts\n.*?```sh\n(.*?)```", README, re.DOTALL)
    with (tmp_path / "stack.log").open("wb") as log, Stack(log, tmp_path / "var") as stack:
        make_film(tmp_path / "var" / "demo" / "film-0.mp4", seconds=4, hue=0)
        script = f"{section}\necho\n{consent}".replace("http://127.0.0.1:8000", stack.api_url)
        script = script.replace("http://127.0.0.1:9000", stack.sandbox_url)
        done = subprocess.run(
            ["bash", "-euo", "pipefail", "-c", script],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
        )
    assert done.returncode == 0, done.stderr
    *_, told, asked = (line for line in done.stdout.splitlines() if line.strip())
    status = json.loads(told)
    assert status["state"] == "completed"
    assert status["result"]["url"].startswith("https://www.youtube.com/watch?v=")
    assert json.loads(asked)["url"].startswith(f"{stack.sandbox_url}/tiktok/v2/auth/authorize/?")
