"""Voting and results: limits, deadlines and paces, each with its unit in its name."""

from __future__ import annotations

from pathlib import Path

from core.settings.environment import env

VOTE_RATE_LIMIT = env.str("VOTE_RATE_LIMIT", "60/minute")
AUTH_RATE_LIMIT = env.str("AUTH_RATE_LIMIT", "20/minute")
RATE_LIMIT_FAIL_OPEN = env.bool("RATE_LIMIT_FAIL_OPEN", True)  # without Redis: let everybody in, or nobody

VOTE_GROUP_LIMIT = env.int("VOTE_GROUP_LIMIT", 400)
VOTE_QUEUE_LIMIT = env.int("VOTE_QUEUE_LIMIT", 4000)
VOTE_WAIT_SECONDS = env.float("VOTE_WAIT_SECONDS", 0.5)
VOTE_DEADLINE_SECONDS = env.float("VOTE_DEADLINE_SECONDS", 5.0)

RELAY_CUT_LIMIT = env.int("RELAY_CUT_LIMIT", 20_000)
RELAY_BUSY_SECONDS = env.float("RELAY_BUSY_SECONDS", 0.05)
RELAY_IDLE_SECONDS = env.float("RELAY_IDLE_SECONDS", 0.05)
RELAY_REPUBLISH_SECONDS = env.float("RELAY_REPUBLISH_SECONDS", 5.0)
BATCHES_KEPT_HOURS = env.int("BATCHES_KEPT_HOURS", 168)
AUDIT_EVERY_SECONDS = env.float("AUDIT_EVERY_SECONDS", 5.0)

WORKER_CONCURRENCY = env.int("WORKER_CONCURRENCY", 1)

RESULTS_REVALIDATE_SECONDS = env.float("RESULTS_REVALIDATE_SECONDS", 1.0)
STREAMS_LIMIT = env.int("STREAMS_LIMIT", 5000)
RESULTS_MEMORY_POLLS = env.int("RESULTS_MEMORY_POLLS", 1000)

REPORT_FONTS: list[Path] = list(map(Path, env.list("REPORT_FONTS", [])))
REPORT_SECONDS = env.float("REPORT_SECONDS", 60.0)
