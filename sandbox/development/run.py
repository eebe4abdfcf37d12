"""`make run`: start the whole stack and keep it up until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sandbox.development.sample_videos import make_sample_video
from sandbox.development.stack import SHUTDOWN_SIGNALS, VAR_DIR, Stack, StackError
from sandbox.shutdown import ShutdownSignal

#: The video that the README publishes by curl; `make demo` makes the same one.
SAMPLE = Path("demo") / "sample-0.mp4"


def main() -> int:
    """Start everything, print how to use it, and wait for a signal."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--var-dir", type=Path, default=VAR_DIR, help="where all state is kept")
    arguments = parser.parse_args()
    var_dir = arguments.var_dir.resolve()
    shutdown = ShutdownSignal(*SHUTDOWN_SIGNALS)
    try:
        with Stack(log=None, var_dir=var_dir) as stack:
            video = make_sample_video(var_dir / SAMPLE, seconds=4, hue=0)
            print(_welcome(stack, video), flush=True)
            while not shutdown.wait(1.0):
                stack.check()
            print("stopping …", flush=True)
    except StackError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    return 0


def _welcome(stack: Stack, video: Path) -> str:
    return f"""
The publishing queue is up.
  API        {stack.api_url}/api/docs
             Authorization: Bearer {stack.keys.api_key}
             X-User-Id: alice
  Operator   {stack.api_url}/admin   admin / {stack.keys.admin_password}
  Platforms  {stack.sandbox_url}   (the sandbox: what is live)
  Video      {video}   (a sample to publish)
Ctrl-C ends it.
"""


if __name__ == "__main__":
    sys.exit(main())
