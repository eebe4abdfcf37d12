"""The gunicorn configuration, loaded by name: `gunicorn --config python:app.serving`.

Threads, because a request mostly waits for the database, the store or an upload, and because
concurrent posts share a transaction by group commit: see `app.intake`. Event streams hold no
thread: see `app.live`.
"""

from __future__ import annotations

import logging
import resource
import socket
import struct
import sys
from typing import Any

from flask import Flask
from gunicorn.config import Config as ServerConfig
from gunicorn.glogging import Logger

from app.live.hub import Hub
from app.logs import configure_root_logger, hide_tokens
from app.settings import process_config

_config = process_config()
_FILES_WANTED = 65_536
_, _files_max = resource.getrlimit(resource.RLIMIT_NOFILE)
# Every event stream is an open file, and the usual limit of 1024 is soon reached.
_files = _FILES_WANTED if _files_max < 0 else min(_FILES_WANTED, _files_max)
resource.setrlimit(resource.RLIMIT_NOFILE, (_files, _files_max))


class RootLogger(Logger):  # type: ignore[misc]
    """Sends gunicorn's log lines through the root logger, in the configured format."""

    def setup(self, cfg: ServerConfig) -> None:
        """Set the levels and leave the output to the root logger."""
        super().setup(cfg)
        configure_root_logger(_config)
        self.error_log.propagate = True


bind = f"0.0.0.0:{_config.port}"
worker_class = "gthread"
workers = _config.web_concurrency
threads = 32
# Seconds a thread may hold the GIL. With Python's default of 0.005 the thread that commits for the
# others is preempted by them so often that 5 % fewer posts are accepted.
sys.setswitchinterval(0.015)
#: Of the whole process: longer than the slowest probe of a video.
timeout = 120
#: How long a client may be silent in the middle of a request. gunicorn itself waits without limit,
#: so that as many half requests as there are threads would stop a process.
SILENT_SECONDS = 30
#: Heroku and Render kill the process 30 s after SIGTERM.
graceful_timeout = 25
keepalive = 75
#: gunicorn is controlled by signals, and its control socket would lie in the home folder.
control_socket_disable = True
loglevel = _config.log_level.lower()
logger_class = RootLogger
errorlog = None
# Error lines contain the path, and so does the access log if enabled.
for _name in ("gunicorn.error", "gunicorn.access"):
    logging.getLogger(_name).addFilter(hide_tokens)


class _NotSilent(logging.Filter):
    """Drops the traceback of a client that fell silent, which is no fault of ours."""

    def filter(self, record: logging.LogRecord) -> bool:
        return not (record.exc_info and isinstance(record.exc_info[1], BlockingIOError))


logging.getLogger("gunicorn.error").addFilter(_NotSilent())


def when_ready(server: Any) -> None:
    """Limit the reads of all connections, which inherit the option from their listening socket."""
    for listener in server.LISTENERS:
        seconds = struct.pack("ll", SILENT_SECONDS, 0)
        listener.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVTIMEO, seconds)


def worker_exit(server: Any, worker: Any) -> None:
    """Close the event streams of an exiting process: clients reconnect to another one."""
    app: Flask | None = getattr(
        worker, "wsgi", None
    )  # None: it exited before loading the application
    if app is not None:
        hub: Hub = app.extensions["live"]
        hub.close()
