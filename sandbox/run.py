"""`make run`: the whole stack, kept up until Ctrl-C."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from sandbox.ending import Ending
from sandbox.films import make_film
from sandbox.stack import ENDING_SIGNALS, VAR_DIR, Stack, StackError

#: What the README publishes by curl; `make demo` makes the same.
FILM = Path("demo") / "film-0.mp4"


def main() -> int:
    """Start everything, say how to use it, and wait."""
    parser = argparse.ArgumentParser(prog="make run", description=__doc__)
    parser.add_argument("--var-dir", type=Path, default=VAR_DIR, help="where everything is kept")
    arguments = parser.parse_args()
    var_dir = arguments.var_dir.resolve()
    ending = Ending(*ENDING_SIGNALS)
    try:
        with Stack(log=None, var_dir=var_dir) as stack:
            film = make_film(var_dir / FILM, seconds=4, hue=0)
            print(_welcome(stack, film), flush=True)
            while not ending.wait(1.0):
                stack.check()
            print("stopping …", flush=True)
    except StackError as error:
        print(f"make run: {error}", file=sys.stderr)
        return 1
    return 0


def _welcome(stack: Stack, film: Path) -> str:
    return f"""
The publishing queue is up.
  API        {stack.api_url}/api/docs
             Authorization: Bearer {stack.secrets.api_key}
             X-User-Id: alice
  Operator   {stack.api_url}/admin   admin / {stack.secrets.admin_password}
  Platforms  {stack.sandbox_url}   (the sandbox: what is live)
  A film     {film}   (to publish)
Ctrl-C ends it.
"""


if __name__ == "__main__":
    sys.exit(main())
