"""The service's commands: `python -m app db upgrade`, `python -m app rotate-keys`.

`flask --app app` has the same ones, but reads a `.env` file where python-dotenv is installed: no
other process of the service does, so it would migrate another database than they use.
"""

from __future__ import annotations

from flask.cli import FlaskGroup

from app import create_app


def main() -> None:
    """Run the command that the arguments name."""
    group = FlaskGroup(create_app=create_app, load_dotenv=False, add_default_commands=False)
    group.main(prog_name="python -m app")


if __name__ == "__main__":
    main()
