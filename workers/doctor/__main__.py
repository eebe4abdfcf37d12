"""`python -m workers.doctor`: prints what the checks have found."""

from __future__ import annotations

import os
import sys

from app import create_base
from app.config import ConfigError
from app.settings import config_from_env
from workers.doctor.checks import CHECKS


def main() -> int:
    """Print a line for every part; return 1 when one of them is wrong."""
    try:
        app = create_base(config_from_env(os.environ))
    except ConfigError as error:
        for line in str(error).splitlines():
            print(f"wrong  {line}")
        return 1
    with app.app_context():
        findings = [check(app.config["SETTINGS"]) for check in CHECKS]
    for finding in findings:
        print(f"{finding.word:5}  {finding.part}: {finding.sentence}")
    return 0 if all(finding.is_good for finding in findings) else 1


if __name__ == "__main__":
    sys.exit(main())
