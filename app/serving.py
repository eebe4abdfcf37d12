"""How gunicorn serves the API. Loaded by name: `gunicorn --config python:app.serving`.

Threads, because a request waits for the database, the store or an upload most of its time.
"""

from app.settings import process_config

_config = process_config()

bind = f"0.0.0.0:{_config.port}"
worker_class = "gthread"
workers = _config.web_concurrency
threads = 8
#: Longer than the slowest look into a video's header; uploads keep their own time.
timeout = 120
#: Heroku and Render kill what is still there 30 s after SIGTERM.
graceful_timeout = 25
keepalive = 75
#: gunicorn is steered by signals, and its socket would lie in the home folder.
control_socket_disable = True
loglevel = _config.log_level.lower()
