"""The worker of the Redis peer: takes votes from the list and upserts them; a voter's last vote counts."""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Any

import psycopg2
import redis
from psycopg2.extras import execute_values

from bench.peers.redis_list.votes import LIST

UPSERT = """
    INSERT INTO votes (poll_id, voter, choice_id) VALUES %s
    ON CONFLICT (poll_id, voter) DO UPDATE SET choice_id = EXCLUDED.choice_id
"""
TYPES = "(%s::uuid, %s, %s::uuid)"


def main() -> None:
    """Takes up to WORKER_BATCH votes at a time, one transaction each time, until SIGTERM."""
    batch = int(os.environ.get("WORKER_BATCH", "1"))
    queue = redis.Redis.from_url(os.environ["REDIS_URL"])
    connection = psycopg2.connect(os.environ["DATABASE_URL"], application_name="peer-redis-list-worker")
    connection.autocommit = True  # each upsert is one statement, hence one transaction
    signal.signal(signal.SIGTERM, stop)
    while True:
        store(connection, take(queue, batch))


def take(queue: redis.Redis, batch: int) -> list[bytes]:
    """At least one vote; waits for it."""
    popped: Any = queue.blpop([LIST])
    if batch == 1:
        return [popped[1]]
    more: Any = queue.lpop(LIST, batch - 1)
    return [popped[1], *(more or ())]


def store(connection: psycopg2.extensions.connection, taken: Sequence[bytes]) -> None:
    last = {(poll, voter): choice for poll, voter, choice in map(json.loads, taken)}  # one statement may touch a row once
    with connection.cursor() as cursor:
        execute_values(cursor, UPSERT, [(poll, voter, choice) for (poll, voter), choice in sorted(last.items())], template=TYPES, page_size=len(last))


def stop(number: int, frame: FrameType | None) -> None:  # noqa: ARG001
    sys.exit(0)


if __name__ == "__main__":
    main()
