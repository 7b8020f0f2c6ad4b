"""The one place that publishes batches to the broker, and knows which of them it has safely taken."""

from __future__ import annotations

import time
from collections.abc import Sequence
from threading import Event
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

from kombu import Producer
from kombu.exceptions import KombuError

from workers.messages import BatchMessage
from workers.topology import APPLY_BATCH, batches_queue, declare, uses_amqp

if TYPE_CHECKING:
    from celery import Celery
    from kombu import Connection

_CONFIRM_SECONDS = 5.0
_SLICE_SECONDS = 0.25


class BrokerFailure(Exception):
    """The broker cannot be reached, or failed while messages were published."""


class Broker:
    """A connection that is opened when first needed and again after a failure. Belongs to one thread.

    On RabbitMQ all messages of a call are sent before the first confirm is awaited; one at a time costs ten times that. Redis has no confirms:
    what was sent counts as taken, and what gets lost is published again by whoever misses it.
    """

    def __init__(self, app: Celery, *, stop: Event) -> None:
        self._app = app
        self._stop = stop
        self._queue = batches_queue()
        self._connection: Connection | None = None
        self._producer: Producer | None = None
        self._confirms = uses_amqp()
        self._last_tag = 0
        self._waiting: dict[int, UUID] = {}
        self._taken: set[UUID] = set()
        self._returned: set[UUID] = set()

    def publish(self, messages: Sequence[BatchMessage]) -> set[UUID]:
        """The ids of those batches whose messages the broker has taken into a queue, within about five seconds or until `stop`.

        Raises `BrokerFailure`; any of the messages may have been taken then.
        """
        self._waiting, self._taken, self._returned = {}, set(), set()
        try:
            producer = self._open()
            for message in messages:
                self._send(producer, message)
            self._await_confirms()
        except self._errors() as error:
            self.close()
            raise BrokerFailure(" ".join(str(error).split()) or type(error).__name__) from error
        if self._waiting:
            self.close()  # late confirms would carry tags that the next call gives out anew
        return self._taken - self._returned

    @property
    def unroutable(self) -> set[UUID]:
        """Batches of the last call that came back because no queue takes them."""
        return set(self._returned)

    def close(self) -> None:
        """Drops the connection without waiting for the other side."""
        connection, self._connection, self._producer = self._connection, None, None
        if connection is not None:
            connection.collect(socket_timeout=0.5)

    def _open(self) -> Producer:
        if self._producer is not None:
            return self._producer
        # No heartbeat: nobody would answer it while the relay is idle. A dead connection shows at the next confirm.
        # Celery's own setting would await each confirm by itself.
        self._connection = self._app.connection_for_write(heartbeat=0, transport_options={"confirm_publish": False} if uses_amqp() else None)
        self._connection.ensure_connection(max_retries=1, timeout=5, interval_start=0, interval_max=0)
        declare(self._connection)
        channel: Any = self._connection.channel()
        if self._confirms:
            channel.confirm_select()
            channel.events["basic_ack"].add(self._on_ack)
            channel.events["basic_nack"].add(self._on_nack)
            channel.events["basic_return"].add(self._on_return)
        self._last_tag = 0
        self._producer = Producer(channel, auto_declare=False)
        return self._producer

    def _send(self, producer: Producer, message: BatchMessage) -> None:
        publication = str(uuid4())  # never an id twice: of one that a worker has once dropped it drops all that come
        task = self._app.amqp.as_task_v2(publication, APPLY_BATCH, kwargs=message.arguments(), ignore_result=True)
        self._last_tag += 1
        if self._confirms:
            self._waiting[self._last_tag] = message.batch_id
        else:
            self._taken.add(message.batch_id)
        producer.publish(
            task.body,
            exchange=self._queue.exchange.name,
            routing_key=self._queue.routing_key,
            serializer="json",
            delivery_mode=2,
            mandatory=True,
            headers=task.headers,
            **task.properties | {"correlation_id": str(message.batch_id)},  # by which a returned message is known
        )

    def _await_confirms(self) -> None:
        deadline = time.monotonic() + _CONFIRM_SECONDS
        while self._waiting and self._connection is not None and time.monotonic() < deadline and not self._stop.is_set():
            try:
                self._connection.drain_events(timeout=_SLICE_SECONDS)
            except TimeoutError:
                continue

    def _on_ack(self, tag: int, multiple: bool) -> None:  # noqa: FBT001  (the broker calls it so)
        for each in self._tags(tag, multiple=multiple):
            self._taken.add(self._waiting.pop(each))

    def _on_nack(self, tag: int, multiple: bool) -> None:  # noqa: FBT001
        for each in self._tags(tag, multiple=multiple):
            self._waiting.pop(each)

    def _on_return(self, _error: Exception, _exchange: str, _routing_key: str, message: Any) -> None:
        """Comes before the confirm of the same message."""
        self._returned.add(UUID(message.properties["correlation_id"]))

    def _tags(self, tag: int, *, multiple: bool) -> list[int]:
        return [each for each in self._waiting if each == tag or (multiple and each < tag)]

    def _errors(self) -> tuple[type[BaseException], ...]:
        if self._connection is None:
            return (OSError, KombuError)
        return (OSError, KombuError, *self._connection.connection_errors, *self._connection.channel_errors)
