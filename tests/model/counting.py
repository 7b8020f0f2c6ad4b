"""The counting side of the model test: relays that cut and publish, a queue that loses and repeats, workers that die at every point."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import contextmanager
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import UUID

from django.db import connections
from psycopg2.extensions import cursor as PlainCursor

from core.celery import app
from core.circuit import Circuit
from core.postgres import connect
from projections import rendering
from projections.document import ResultsDocument
from projections.rendering import select_documents
from projections.results_store import results_store
from projections.writer import apply_batch
from tests.model.aside import Aside
from workers import tasks
from workers.broker import Broker, BrokerFailure
from workers.cutting import Cut, Cutter
from workers.messages import BatchMessage
from workers.publisher import Publisher

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

TAKEN, LOST, HALF, REFUSED, DIED = PUBLISHING = ("taken", "lost after its confirm", "half of it taken", "refused", "died before the mark")


class Died(Exception):
    """The process ended here."""


class Relay:
    """One relay's cutting connection. `before_commit` runs once, between a cut's last statement and its commit; it may raise `Died`."""

    def __init__(self, *, limit: int) -> None:
        self.before_commit: Callable[[], None] | None = None
        relay = self

        class Interruptible(PlainCursor):
            def execute(self, query: Any, parameters: Any = None) -> None:
                super().execute(query, parameters)
                if str(query).startswith("EXECUTE cut"):
                    interruption, relay.before_commit = relay.before_commit, None
                    if interruption is not None:
                        interruption()

        self.connection: Connection = connect("direct", application_name="nexus-model-relay", settings={"lock_timeout": "5s"})
        self.connection.cursor_factory = Interruptible
        self.cutter = Cutter(self.connection, limit=limit)

    def cut_and_die(self) -> None:
        self.before_commit = die
        try:
            self.cutter.cut()
        except Died:
            return
        raise AssertionError("the cut did not run its statement")


class Queue(Broker):
    """Stands where RabbitMQ would; what it holds may be delivered in any order and any number of times."""

    def __init__(self) -> None:
        super().__init__(app, stop=Event())
        self.messages: list[dict[str, object]] = []
        self.fate = TAKEN

    def publish(self, messages: Sequence[BatchMessage]) -> set[UUID]:
        if self.fate == REFUSED:
            raise BrokerFailure("refused")
        taken = messages[: (len(messages) + 1) // 2] if self.fate == HALF else messages
        if self.fate != LOST:
            self.messages += [message.arguments() for message in taken]
        if self.fate == DIED:
            raise Died
        return {message.batch_id for message in taken}


class Counting:
    """Two relays, one queue, one worker; each call is a step that one of them takes."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self.relays = [Relay(limit=limit) for limit in (3, 1000)]
        self.queue = Queue()
        self._rendering: list[list[ResultsDocument]] = []

    def stop(self) -> None:
        for relay in self.relays:
            relay.connection.close()

    def begin(self) -> None:
        """An example begins: what an earlier one left is gone."""
        self.queue.messages.clear()
        self._rendering.clear()

    def publish(self, fate: str) -> None:
        self.queue.fate = fate
        publisher = Publisher(connection=self._connection, broker=self.queue, circuit=Circuit(first_pause=0, longest_pause=0), republish_seconds=5)
        try:
            publisher.step()
        except Died:
            assert fate == DIED

    def deliver(self, message: dict[str, object]) -> None:
        """As the worker does it: counted and rendered."""
        tasks.apply_batch.run(**message)

    def deliver_and_die_counting(self, message: dict[str, object], after: int) -> None:
        """The worker dies after so many statements of its transaction, or, with few polls, just before its commit."""
        with dies_after(after):
            try:
                apply_batch(BatchMessage.decode(message).batch_id)
            except Died:
                return

    def deliver_and_die_before_rendering(self, message: dict[str, object]) -> None:
        apply_batch(BatchMessage.decode(message).batch_id)

    def begin_rendering(self, poll_ids: list[UUID]) -> None:
        """A worker reads results and is slow to give them to Redis."""
        with connections["default"].cursor() as cursor:
            self._rendering.append(select_documents(cursor, poll_ids))

    def end_rendering(self, which: int) -> None:
        if self._rendering:
            documents = self._rendering.pop(which % len(self._rendering))
            results_store().put(documents)
            rendering._mark_rendered(documents)

    def cut_together(self, first: int, aside: Aside) -> None:
        """Both relays believe that they lead; the second begins to cut when the first is about to commit."""
        one, other = self.relays[first], self.relays[1 - first]
        second: list[Future[Cut]] = []
        one.before_commit = lambda: second.append(aside.start(other.cutter.cut, blocked_by=[one.connection.get_backend_pid()]))
        one.cutter.cut()
        second[0].result(timeout=20)


def die() -> None:
    raise Died


@contextmanager
def dies_after(statements: int) -> Iterator[None]:
    """Django's connection ends its transaction after so many statements, all of them run."""
    left = statements

    def count(execute: Any, *arguments: Any) -> Any:
        nonlocal left
        answer = execute(*arguments)
        left -= 1
        if left == 0:
            raise Died
        return answer

    with connections["default"].execute_wrapper(count):
        yield
