"""Reads the count wherever it stands (log, tallies, Redis, API) and when it has caught up."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import Any

import psycopg2
from redis.exceptions import RedisError

from tests.faults.asking import ask
from tests.faults.ledger import Row, Tally, standing
from tests.faults.tally_rows import wrong_rows
from tests.faults.world import World

_LOG = "SELECT poll_id::text, voter_key::text, revision, choices::text[], receipt::text FROM votes WHERE poll_id = ANY(%s::uuid[])"
_BARRIER = "SELECT (SELECT epoch FROM log_epoch), pg_snapshot_xmax(pg_current_snapshot())::text"
# Everything before the barrier is cut, and every batch that began before it is applied.
_CAUGHT_UP = """
SELECT NOT EXISTS (SELECT FROM votes v, relay_cursor r
                   WHERE (v.epoch, v.xid, v.id) > (r.epoch, r.xid, r.vote_id) AND (v.epoch, v.xid) < (%(epoch)s, %(xid)s::xid8))
   AND NOT EXISTS (SELECT FROM vote_batches b WHERE b.applied_at IS NULL AND (b.start_epoch, b.start_xid) < (%(epoch)s, %(xid)s::xid8))"""
_VERSIONS = "SELECT poll_id::text, version FROM poll_projections WHERE poll_id = ANY(%s::uuid[])"


def log_rows(world: World) -> list[Row]:
    rows = world.sql(_LOG, [world.polls])
    return [Row(poll, voter, revision, None if choices is None else tuple(choices), receipt) for poll, voter, revision, choices, receipt in rows]


def results(world: World, poll: str) -> dict[str, Any]:
    status, found = ask(world.stack.port, "GET", f"/api/v1/polls/{poll}/results")
    if status != 200:
        raise OSError(f"results are answered with {status}")
    return dict(found)


def in_redis(world: World, poll: str) -> dict[str, Any] | None:
    [(epoch,)] = world.sql("SELECT epoch FROM log_epoch")
    raw = world.redis().get(f"nexus:{epoch}:results:{poll}")
    assert raw is None or isinstance(raw, bytes)
    return None if raw is None else json.loads(raw[20:])  # 20 digits of its version stand before it


def _tally(document: dict[str, Any] | None) -> Tally:
    if document is None:
        return Tally(-1, {})
    return Tally(
        document["ballots"], {choice["id"]: choice["votes"] for question in document["questions"] for choice in question["choices"] if choice["votes"]}
    )


def disagreement(world: World) -> str:
    """Where the count differs between log, tallies, Redis and API; empty when it does not, or why it cannot be read."""
    try:
        if wrong := wrong_rows(world):
            return wrong[0]
        log = standing(log_rows(world))
        for poll in world.polls:
            truth = log.get(poll, Tally(0, {}))
            for where, tally in (("Redis", _tally(in_redis(world, poll))), ("the API", _tally(results(world, poll)))):
                if tally != truth:
                    return f"poll {poll}: the log counts {truth}, {where} {tally}"
    except (psycopg2.Error, RedisError, OSError, LookupError) as error:
        return f"the count cannot be read: {error!r}"
    return ""


def agree_within(world: World, seconds: float) -> str:
    """Waits for an agreement; the last disagreement when there is none in time."""
    end = time.monotonic() + seconds
    while (found := disagreement(world)) and time.monotonic() < end:
        time.sleep(0.1)
    return found


def barrier(world: World) -> dict[str, Any]:
    """The log's end as it is now."""
    [(epoch, xid)] = world.sql(_BARRIER)
    return {"epoch": epoch, "xid": xid}


def caught_up(world: World, end: Mapping[str, Any]) -> bool:
    """Whether everything before `end` is applied."""
    return bool(world.sql(_CAUGHT_UP, dict(end))[0][0])


def versions(world: World) -> dict[str, int]:
    return dict(world.sql(_VERSIONS, [world.polls]))


def shown(world: World, wanted: Mapping[str, int]) -> bool:
    """Whether the API's results have reached these versions."""
    return all(results(world, poll)["version"] >= version for poll, version in wanted.items())
