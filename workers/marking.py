"""Lets Redis remember how far the log was counted, for `core.log_mark`."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from redis.exceptions import RedisError

from core.circuit import Circuit
from core.log_mark import LogMark, mark_keys, raise_mark
from core.sql import queries

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

_AGAIN_SECONDS = 10.0  # in case Redis has lost its memory meanwhile

_SQL = queries(Path(__file__).parent, "relay.sql")


@dataclass(slots=True)
class Marking:
    """Raises the mark whenever more has been counted. `connection` must be in autocommit; belongs to one thread."""

    connection: Connection
    circuit: Circuit
    key: str = ""
    last: LogMark | None = None
    again_at: float = 0.0

    def step(self) -> None:
        """Without Redis nothing is remembered; it is tried again a little later."""
        with self.connection.cursor() as cursor:
            cursor.execute(_SQL["counted_so_far"])
            row = cursor.fetchone()
            self.key = self.key or mark_keys(cursor)[0]  # who marks was let in before: the log is this server's
        mark = None if row is None else LogMark(*row)
        now = time.monotonic()
        if mark is None or (mark == self.last and now < self.again_at) or not self.circuit.may_try():
            return
        try:
            raise_mark(self.key, mark)
        except RedisError as error:
            logger.debug("Redis cannot remember how far the log was counted: %s", error)
            self.circuit.failed()
            return
        self.circuit.succeeded()
        self.last, self.again_at = mark, now + _AGAIN_SECONDS
