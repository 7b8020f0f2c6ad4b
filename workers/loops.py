"""Runs a step again and again on a connection of its own, through any outage of PostgreSQL."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import closing
from threading import Event, Lock
from typing import TYPE_CHECKING

import psycopg2
from django.db import Error as DjangoDatabaseError
from django.db import connections

from core.hangup import HangUp
from core.log_identity import check_log_identity
from core.log_mark import check_log_mark
from core.postgres import connect

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

Step = Callable[[], float]

_FIRST_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
_STRAGGLERS_SECONDS = 5.0  # a loop that was asleep finds its own connection dead this much later

STUCK_SECONDS = 90.0  # above `statement_timeout`

# A process that is stopped while it leads or cuts loses its lead and its locks after this.
_PATIENCE = {
    "idle_session_timeout": "5s",
    "idle_in_transaction_session_timeout": "5s",
    "lock_timeout": "10s",
    "statement_timeout": "60s",
}


class Outage:
    """Says once that PostgreSQL is away, and once that it is back, however many loops notice, and when."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = Lock()
        self._out: set[str] = set()
        self._said = False
        self._quiet_until = 0.0

    def began(self, name: str, error: Exception) -> None:
        with self._lock:
            self._out.add(name)
            if not self._said and self._clock() >= self._quiet_until:
                self._said = True
                logger.warning("PostgreSQL fails the relay, which goes on trying: %s", " ".join(str(error).split()))

    def over(self, name: str) -> None:
        with self._lock:
            self._out.discard(name)
            if self._said and not self._out:
                self._said = False
                self._quiet_until = self._clock() + _STRAGGLERS_SECONDS
                logger.info("PostgreSQL serves the relay again")


class Vigil:
    """Ends the wait of a loop that gets no answer at all, longer than any time-out of the server allows: see `core/hangup.py`."""

    def __init__(self, *, seconds: float = STUCK_SECONDS, clock: Callable[[], float] = time.monotonic) -> None:
        self.hang_up = HangUp()
        self._seconds, self._clock = seconds, clock
        self._since: float | None = None

    def begin(self) -> None:
        self._since = self._clock()

    def end(self) -> None:
        self._since = None

    def look(self) -> bool:
        """From another thread, every now and then; whether it had to."""
        since = self._since
        if since is None or self._clock() - since <= self._seconds or not self.hang_up.cut():
            return False
        logger.error("a loop of the relay gets no answer from PostgreSQL and is cut off from it")
        self.begin()
        return True


def keep_going(
    name: str,
    begin: Callable[[Connection], Step],
    *,
    wake: Event,
    stop: Event,
    outage: Outage,
    settings: dict[str, str] | None = None,
    vigil: Vigil | None = None,
) -> None:
    """Until `stop`: connects, checks that this is the server whose log was kept, calls `begin` and then its step.

    A step returns how many seconds may pass before the next, which `wake` cuts short. When PostgreSQL fails it, the loop begins anew on a fresh
    connection, with pauses of up to two seconds; `vigil`, where somebody looks through it, makes it fail that does not answer. Raises
    `LogIdentityError` on a foreign server, and whatever else a step raises.
    """
    pause, vigil = _FIRST_PAUSE, vigil or Vigil()
    while not stop.is_set():
        vigil.begin()
        try:
            opened = vigil.hang_up.attach
            with closing(connect("direct", application_name=f"nexus-relay-{name}", settings=_PATIENCE | (settings or {}), opened=opened)) as connection:
                with connection.cursor() as cursor:
                    check_log_identity(cursor)
                    check_log_mark(cursor)
                step = begin(connection)
                while not stop.is_set():
                    vigil.begin()
                    wait = step()
                    vigil.end()
                    pause = _FIRST_PAUSE
                    outage.over(name)
                    wake.wait(wait)
                    wake.clear()
        except (psycopg2.Error, DjangoDatabaseError) as error:
            outage.began(name, error)
            stop.wait(pause)
            pause = min(_LONGEST_PAUSE, pause * 2)
        finally:
            vigil.end()
            vigil.hang_up.detach()
            connections.close_all()  # this thread's
