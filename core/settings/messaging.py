"""Redis and the broker; what Celery is told is in `core/celery.py` and `workers/topology.py`."""

from __future__ import annotations

from core.settings.environment import env

REDIS_URL = env.str("REDIS_URL", "") or "redis://127.0.0.1:6379/0"
BROKER_URL = env.str("BROKER_URL", "") or "amqp://guest:guest@127.0.0.1:5672//"
REDIS_TIMEOUT_SECONDS = env.float("REDIS_TIMEOUT_SECONDS", 0.5)
# Installations, or tests, that share a Redis or a broker keep apart by these.
REDIS_PREFIX = env.str("REDIS_PREFIX", "nexus")
QUEUE_PREFIX = env.str("QUEUE_PREFIX", "nexus")
