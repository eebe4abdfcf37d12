"""`python -m workers.doctor`: prints the results of the checks."""

from __future__ import annotations

import os
import sys
from dataclasses import replace

from app import create_base
from app.config import Config, ConfigError
from app.settings import config_from_env
from workers.doctor.checks import CHECKS


def main() -> int:
    """Print a line for every part; return 1 if any is wrong."""
    try:
        config = config_from_env(os.environ)
        app = create_base(_quiet(config))
    except ConfigError as error:
        for line in str(error).splitlines():
            print(f"wrong  {line}")
        return 1
    with app.app_context():
        findings = [check(config) for check in CHECKS]
    for finding in findings:
        print(f"{finding.word:5}  {finding.part}: {finding.sentence}")
    return 0 if all(finding.is_good for finding in findings) else 1


def _quiet(config: Config) -> Config:
    """Keep log lines out of the report, unless LOG_LEVEL asks for them."""
    return replace(config, log_level="ERROR") if config.log_level == Config.log_level else config


if __name__ == "__main__":
    sys.exit(main())
