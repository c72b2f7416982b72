"""How the web process runs: `gunicorn --config python:hub.gunicorn hub.wsgi`.

Threads, because a request is short or a file being sent; two processes, for two cores. Files go
out by sendfile. The application is imported once and shared by the forked workers.
"""

import gc
import os
from typing import Any

from django.urls import get_resolver

bind = [os.environ.get("WEB_BIND", "127.0.0.1:8000")]
worker_class = "gthread"
workers = int(os.environ.get("WEB_PROCESSES", "2"))
# The database pool of a process has as many connections: see DATABASE_POOL in the settings.
threads = int(os.environ.get("WEB_THREADS", "16"))
preload_app = True
timeout = 120
graceful_timeout = 10
keepalive = 5
# Heartbeats on a real disk block a worker when the disk is busy.
worker_tmp_dir = "/dev/shm" if os.access("/dev/shm", os.W_OK) else None  # noqa: S108
control_socket_disable = True
# Requests are logged by the application, as JSON, with their ids.
accesslog = None


def post_worker_init(worker: Any) -> None:
    """Load what the first request would, and then leave all that alone: a full collection that
    looks at the whole program again takes a fifth of a second, in the middle of a request."""
    _ = get_resolver().url_patterns  # imported by asking
    gc.collect()
    gc.freeze()
    # A request leaves some two hundred objects that refer to each other: Django's own requests do.
    # Collected ten requests at a time they cost 2 ms, two hundred and fifty at a time 60.
    gc.set_threshold(2_000, 20, 100)
