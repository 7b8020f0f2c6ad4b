"""How gunicorn runs the Django peer; the README says why so."""

from __future__ import annotations

import os

bind = f"127.0.0.1:{os.environ.get('PORT', '8000')}"
worker_class = "gthread"
workers = int(os.environ.get("WORKERS", str(os.cpu_count() or 1)))
threads = int(os.environ.get("THREADS", "4"))
worker_connections = 1000
keepalive = 60  # seconds: load generators and proxies hold their connections
backlog = 2048
preload_app = True
accesslog = None
loglevel = "warning"
worker_tmp_dir = "/dev/shm" if os.path.isdir("/dev/shm") else None  # noqa: S108, PTH112
