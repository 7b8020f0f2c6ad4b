"""The relay: cuts the vote log, publishes the cuts, seals polls and makes them final. One thread each; one relay of several leads."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from threading import Event, Thread
from typing import TYPE_CHECKING

from django.conf import settings

from core.celery import app
from core.circuit import Circuit
from workers.broker import Broker
from workers.cutting import Cutter
from workers.finality import finish_polls
from workers.loops import Outage, Step, Vigil, keep_going
from workers.marking import Marking
from workers.publisher import Publisher, end_leases
from workers.sealing import seal_due_polls

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

_LEADER_LOCK = 0x6E65787573  # of the database; any number that nothing else uses
_STANDBY_SECONDS = 0.5
_HOUSEKEEPING_SECONDS = 0.25
_STOP_SECONDS = 2.0
_LOOK_SECONDS = 1.0

# The further the workers are behind, the rarer and the larger the cuts: a batch costs them the same for 100 votes of a poll as for 10,000 (ADR 8).
_LONGEST_BUSY_SECONDS = 0.5

# What is lost with the server is done again: a cut that any counted batch rests on is on disk before the count is.
_RELAXED = {"synchronous_commit": "off"}

# What readers are told is final stays so, whatever the cluster's own setting is.
_DURABLE = {"synchronous_commit": "on"}

# The publisher leaves its connection idle while it waits for the broker, which is no fault of PostgreSQL's. Its lock is a lease, not the session.
_PATIENT = {"idle_session_timeout": "60s"}


class Relay:
    """Runs until `stop` is set. Leadership saves useless work and nothing else: several leaders at once would be safe."""

    def __init__(self, *, stop: Event) -> None:
        self._stop = stop
        self._leads = Event()
        self._cut_now, self._publish_now, self._keep_house_now = Event(), Event(), Event()
        self._outage = Outage()
        self._failure: BaseException | None = None
        self._vigils: list[Vigil] = []
        self._broker = Broker(app, stop=stop)
        self._broker_circuit = Circuit(first_pause=0.2, longest_pause=5.0)

    def run(self) -> None:
        """Raises `LogIdentityError` when the server is not the one whose log was kept, and whatever else ended one of the threads."""
        threads = [
            self._thread("cutter", self._begin_cutting, self._cut_now, _RELAXED),
            self._thread("publisher", self._begin_publishing, self._publish_now, _RELAXED | _PATIENT),
            self._thread("housekeeper", self._begin_housekeeping, self._keep_house_now, _DURABLE),
        ]
        for thread in threads:
            thread.start()
        while not self._stop.wait(_LOOK_SECONDS):
            for vigil in self._vigils:
                vigil.look()
        for wake in (self._cut_now, self._publish_now, self._keep_house_now):
            wake.set()
        deadline = time.monotonic() + _STOP_SECONDS
        for thread in threads:
            thread.join(max(0.0, deadline - time.monotonic()))
        if self._failure is not None:
            raise self._failure

    def _thread(self, name: str, begin: Callable[[Connection], Step], wake: Event, parameters: dict[str, str]) -> Thread:
        vigil = Vigil()
        self._vigils.append(vigil)

        def run() -> None:
            try:
                keep_going(name, begin, wake=wake, stop=self._stop, outage=self._outage, settings=parameters, vigil=vigil)
            except BaseException as error:  # noqa: BLE001  (raised again by `run`)
                self._failure = self._failure or error
            finally:
                self._stop.set()

        return Thread(target=run, name=f"relay-{name}", daemon=True)

    def _begin_cutting(self, connection: Connection) -> Step:
        self._leads.clear()
        cutter = Cutter(connection, limit=settings.RELAY_CUT_LIMIT)

        def step() -> float:
            if not self._leads.is_set() and not self._take_the_lead(connection):
                return _STANDBY_SECONDS
            sight = cutter.look()
            if sight.awaiting_final:
                self._keep_house_now.set()
            if not sight.worth_a_cut:
                return settings.RELAY_IDLE_SECONDS
            cut = cutter.cut()
            if cut.batch_id is not None:
                self._publish_now.set()
            return 0.0 if cutter.is_full(cut) else min(_LONGEST_BUSY_SECONDS, settings.RELAY_BUSY_SECONDS * max(1, sight.backlog))

        return step

    def _take_the_lead(self, connection: Connection) -> bool:
        with connection.cursor() as cursor:
            cursor.execute("SELECT pg_try_advisory_lock(%s)", (_LEADER_LOCK,))
            row = cursor.fetchone()
        if row is None or not row[0]:
            return False
        end_leases(connection)
        logger.info("this relay leads")
        self._leads.set()
        return True

    def _begin_publishing(self, connection: Connection) -> Step:
        publisher = Publisher(
            connection=connection,
            broker=self._broker,
            circuit=self._broker_circuit,
            republish_seconds=settings.RELAY_REPUBLISH_SECONDS,
        )
        return self._when_leading(publisher.step)

    def _begin_housekeeping(self, connection: Connection) -> Step:
        marking = Marking(connection, Circuit(first_pause=0.5, longest_pause=10.0))

        def step() -> float:
            seal_due_polls(connection)
            finish_polls(connection)
            marking.step()
            return _HOUSEKEEPING_SECONDS

        return self._when_leading(step)

    def _when_leading(self, step: Step) -> Step:
        return lambda: step() if self._leads.is_set() else _STANDBY_SECONDS
