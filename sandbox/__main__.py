"""Command line: `python -m sandbox --port 9000 --state-dir DIR` and `python -m sandbox posts`."""

import argparse
import json
import signal
import sys
import urllib.request
from pathlib import Path

from sandbox.server import SandboxServer
from sandbox.shutdown import ShutdownSignal


def main(arguments: list[str] | None = None) -> int:
    """Run the sandbox until SIGTERM, or print the live posts of a running one."""
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument("command", nargs="?", choices=("serve", "posts"), default="serve")
    parser.add_argument("--port", type=int, default=9000, help="0 lets the system choose")
    parser.add_argument("--state-dir", type=Path, default=Path("var/sandbox"))
    parser.add_argument("--url", default="http://127.0.0.1:9000", help="of a running sandbox")
    options = parser.parse_args(arguments)
    if options.command == "posts":
        return print_posts(options.url)
    return serve(options.port, options.state_dir)


def serve(port: int, state_dir: Path) -> int:
    """Serve until SIGTERM or SIGINT."""
    shutdown = ShutdownSignal(signal.SIGTERM, signal.SIGINT)
    try:
        sandbox = SandboxServer(state_dir, port, keeps_accounts=True)
    except ValueError as error:
        print(f"sandbox: {error}", file=sys.stderr)
        return 1
    with sandbox as server:
        print(f"sandbox listening on {server.url}", flush=True)
        shutdown.wait()
    return 0


def print_posts(url: str) -> int:
    """Print one line per live post."""
    try:
        with urllib.request.urlopen(f"{url}/_sandbox/posts", timeout=10) as answer:
            posts = json.load(answer)["posts"]
    except OSError as exc:
        print(f"no sandbox at {url}: {exc}", file=sys.stderr)
        return 1
    for post in posts:
        text = post["title"] or post["caption"]
        print(
            f"{post['platform']:<9}  {post['published_at']}  {post['privacy']:<18}  "
            f"{post['size_bytes']:>11}  {url}{post['page']}  {text[:60]!r}"
        )
    print(f"{len(posts)} live")
    return 0


if __name__ == "__main__":
    sys.exit(main())
