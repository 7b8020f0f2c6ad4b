"""What Redis remembers of how far the vote log was counted, so that a database put back to an earlier state is noticed.

A base backup restored on the server it was taken from looks in every way like that server did then. Only something outside of it can tell.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from django.conf import settings
from redis.exceptions import RedisError

from core.dbapi import Cursor
from core.log_identity import LogIdentityError
from core.redis import sync_redis

if TYPE_CHECKING:
    from redis import Redis

_log = logging.getLogger(__name__)

# Which log this is, and the servers that held it and hold it now: two only where it was moved and no new epoch has begun.
_NAMES = """
SELECT e.log_id::text, current_database(), e.system_identifier, c.system_identifier
FROM log_epoch e CROSS JOIN pg_control_system() c
"""

_STANDING = "SELECT e.epoch, r.seq FROM log_epoch e CROSS JOIN relay_cursor r"

# KEYS: the mark. ARGV: the new one, in digits of equal length, which compare as text.
_RAISE = """
local kept = redis.call('GET', KEYS[1])
if not kept or kept < ARGV[1] then redis.call('SET', KEYS[1], ARGV[1]) end
return 0
"""


@dataclass(frozen=True, slots=True, order=True)
class LogMark:
    """A batch that was counted for certain: its `seq`, and the epoch the log was in then."""

    epoch: int
    seq: int


def mark_keys(cursor: Cursor) -> tuple[str, str]:
    """Where this log's mark is, by the server that holds it according to itself, and by the present one.

    A backup that is put back finds the mark of what it was taken from, because it carries the log's id along. A database that begins anew, a copy
    under another name and a dump restored elsewhere have one of their own, and leave this one alone.
    """
    cursor.execute(_NAMES)
    log_id, database, kept, present = cursor.fetchone()
    held, here = (f"{settings.REDIS_PREFIX}:counted:{log_id}:{server}:{database}" for server in (kept, present))
    return held, here


def read_mark(keys: Iterable[str]) -> LogMark | None:
    """The latest of these marks, None when there is none that can be read. Raises `redis.RedisError`."""
    client: Redis = sync_redis()
    values: Any = client.mget(list(keys))  # its stubs cannot tell the blocking client's answer
    return max((mark for mark in map(_decoded, values) if mark is not None), default=None)


def raise_mark(key: str, mark: LogMark) -> None:
    """Keeps the mark unless a later one is kept. Only for what surely is on the database's disk. Raises `redis.RedisError`."""
    client: Redis = sync_redis()
    client.eval(_RAISE, 1, key, f"{mark.epoch:010d}.{mark.seq:020d}")


def check_log_mark(cursor: Cursor) -> None:
    """Returns when the database has got as far as Redis remembers, or Redis remembers nothing or cannot be asked.

    To be called on every new connection that writes votes or cuts, after `check_log_identity`. Raises `LogIdentityError`, whose message names the remedy.
    """
    try:
        mark = read_mark(mark_keys(cursor))  # before the standing, which it must not overtake while others count
        if mark is None:
            return
        cursor.execute(_STANDING)
        epoch, seq = cursor.fetchone()
        if LogMark(epoch, seq) >= mark:
            return
    except RedisError as error:
        _log.warning("Redis cannot be asked how far the vote log was counted (%s); a database that went back would not be noticed", type(error).__name__)
        return
    raise LogIdentityError(
        f"Redis remembers that batch {mark.seq} of epoch {mark.epoch} was counted, and this database has only got to batch {seq} of epoch {epoch}: it was"
        " put back to an earlier state. Run `manage.py new_epoch` with intake closed."
    )


def _decoded(raw: object) -> LogMark | None:
    if not isinstance(raw, bytes):
        return None
    epoch, _, seq = raw.decode(errors="replace").partition(".")
    return LogMark(int(epoch), int(seq)) if epoch.isdecimal() and seq.isdecimal() else None
