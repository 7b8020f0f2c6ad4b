"""What Redis remembers of how far the vote log was counted, so that a database put back to an earlier state is noticed.

A base backup restored on the server it was taken from looks in every way like that server did then. Only something outside of it can tell.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.conf import settings
from redis.exceptions import RedisError

from core.dbapi import Cursor
from core.log_identity import LogIdentityError
from core.redis import sync_redis

if TYPE_CHECKING:
    from redis import Redis

_log = logging.getLogger(__name__)

_STANDING = """
SELECT e.epoch, r.seq, EXISTS (SELECT FROM poll_projections)
FROM log_epoch e CROSS JOIN relay_cursor r
"""

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


def mark_key() -> str:
    return f"{settings.REDIS_PREFIX}:counted"


def read_mark() -> LogMark | None:
    """The latest mark, None when there is none that can be read. Raises `redis.RedisError`."""
    raw = sync_redis().get(mark_key())
    if not isinstance(raw, bytes):
        return None
    epoch, _, seq = raw.decode(errors="replace").partition(".")
    return LogMark(int(epoch), int(seq)) if epoch.isdecimal() and seq.isdecimal() else None


def raise_mark(mark: LogMark) -> None:
    """Keeps the mark unless a later one is kept. Only for what surely is on the database's disk. Raises `redis.RedisError`."""
    client: Redis = sync_redis()
    client.eval(_RAISE, 1, mark_key(), f"{mark.epoch:010d}.{mark.seq:020d}")


def check_log_mark(cursor: Cursor) -> None:
    """Returns when the database has got as far as Redis remembers, or Redis remembers nothing or cannot be asked.

    To be called on every new connection that writes votes or cuts. A database without polls has begun anew: what Redis remembers is dropped.

    Raises `LogIdentityError`, whose message names the remedy.
    """
    try:
        mark = read_mark()
        if mark is None:
            return
        cursor.execute(_STANDING)
        epoch, seq, has_polls = cursor.fetchone()
        if LogMark(epoch, seq) >= mark:
            return
        if not has_polls:
            sync_redis().delete(mark_key())
            return
    except RedisError as error:
        _log.warning("Redis cannot be asked how far the vote log was counted (%s); a database that went back would not be noticed", type(error).__name__)
        return
    raise LogIdentityError(
        f"Redis remembers that batch {mark.seq} of epoch {mark.epoch} was counted, and this database has only got to batch {seq} of epoch {epoch}: it was"
        " put back to an earlier state. Run `manage.py new_epoch` with intake closed."
    )
