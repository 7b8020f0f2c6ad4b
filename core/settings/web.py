"""The web process: how many, how patient. Where it listens stands in `base.py`, beside the address that people see."""

from __future__ import annotations

from core.settings.environment import env

WEB_WORKERS = env.int("WEB_WORKERS", 1)
WEB_REQUESTS_LIMIT = env.int("WEB_REQUESTS_LIMIT", 40)
WEB_BACKLOG = env.int("WEB_BACKLOG", 4096)
WEB_KEEP_ALIVE_SECONDS = env.int("WEB_KEEP_ALIVE_SECONDS", 30)
WEB_SHUTDOWN_SECONDS = env.int("WEB_SHUTDOWN_SECONDS", 8)  # longer than VOTE_DEADLINE_SECONDS: every vote in flight gets its answer
ACCESS_LOG = env.bool("ACCESS_LOG", False)
