"""How gunicorn serves the API. Loaded by name: `gunicorn --config python:app.serving`.

Threads, because a request waits for the database, the store or an upload most of its time, and
because single posts that wait together are written together: see `app.intake`. Who listens to a
job holds no thread: see `app.live`.
"""

from __future__ import annotations

import logging
import resource
import sys
from typing import Any

from flask import Flask
from gunicorn.config import Config as ServerConfig
from gunicorn.glogging import Logger

from app.live.hub import Hub
from app.logs import hide_tokens, write_lines
from app.settings import process_config

_config = process_config()
_FILES_WANTED = 65_536
_, _files_max = resource.getrlimit(resource.RLIMIT_NOFILE)
# Every listener is an open file, and the usual 1024 of them are soon used up.
_files = _FILES_WANTED if _files_max < 0 else min(_FILES_WANTED, _files_max)
resource.setrlimit(resource.RLIMIT_NOFILE, (_files, _files_max))


class Lines(Logger):  # type: ignore[misc]
    """Writes gunicorn's lines as all others are written: as JSON, where it is so set."""

    def setup(self, cfg: ServerConfig) -> None:
        """Set the levels, and leave the writing to the root logger."""
        super().setup(cfg)
        write_lines(_config)
        self.error_log.propagate = True


bind = f"0.0.0.0:{_config.port}"
worker_class = "gthread"
workers = _config.web_concurrency
threads = 32
# Seconds a thread may compute before it must let others go on. With Python's own 0.005 the one
# that writes for all others loses its turn to them so often that 5 % fewer posts are taken on.
sys.setswitchinterval(0.015)
#: Longer than the slowest look into a video's header; uploads keep their own time.
timeout = 120
#: Heroku and Render kill what is still there 30 s after SIGTERM.
graceful_timeout = 25
keepalive = 75
#: gunicorn is steered by signals, and its socket would lie in the home folder.
control_socket_disable = True
loglevel = _config.log_level.lower()
logger_class = Lines
errorlog = None
# The line of a bug has the path in it, as has the access log where somebody turns it on.
for _name in ("gunicorn.error", "gunicorn.access"):
    logging.getLogger(_name).addFilter(hide_tokens)


def worker_exit(server: Any, worker: Any) -> None:
    """Hang up on a process's listeners when it ends: they come back to another one."""
    app: Flask | None = getattr(worker, "wsgi", None)  # None: it ended before it had one
    if app is not None:
        hub: Hub = app.extensions["live"]
        hub.close()
