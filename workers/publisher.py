"""Publishes batches, and publishes again what stays unapplied: that a batch was published is a hint, that it was applied is a fact."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from core.circuit import Circuit
from core.sql import queries
from workers.broker import Broker, BrokerFailure
from workers.messages import BatchMessage

if TYPE_CHECKING:
    from collections.abc import Iterable
    from uuid import UUID

    from psycopg2.extensions import connection as Connection

logger = logging.getLogger(__name__)

_SQL = queries(Path(__file__).parent, "relay.sql")
_AT_ONCE = 64
_LEASE_SECONDS = 15.0
_GIVE_BACK_SECONDS = 1.0
_LONGEST_SECONDS = 300.0
_IDLE_SECONDS = 0.5


@dataclass(slots=True)
class Publisher:
    """Publishes with one connection in autocommit. Belongs to one thread; any number at once are safe, each leases its own batches.

    `republish_seconds`: how long after its publication a batch that is not applied is published again; twice as long each time, five minutes at most.
    """

    connection: Connection
    broker: Broker
    circuit: Circuit
    republish_seconds: float

    def step(self) -> float:
        """Publishes a few batches; how many seconds may pass before the next step.

        No lock is held while the broker is waited for: the lease is committed before.
        """
        if not self.circuit.may_try():
            return _IDLE_SECONDS / 5
        messages = self._lease()
        if not messages:
            return _IDLE_SECONDS
        try:
            taken = self.broker.publish(messages)
        except BrokerFailure as error:
            if self.circuit.closed:
                logger.warning("the broker fails the relay, which goes on cutting and trying: %s", error)
            self.circuit.failed()
            self._give_back(message.batch_id for message in messages)
            return _IDLE_SECONDS / 5
        if not self.circuit.closed:
            logger.info("the broker serves the relay again")
            self.circuit.succeeded()
        self._mark(taken)
        left = [message.batch_id for message in messages if message.batch_id not in taken]
        if left:
            counts = len(left), len(messages), len(self.broker.unroutable)
            logger.warning("the broker did not take %d of %d batches (%d unroutable); they will be published again", *counts)
            self._give_back(left)
            self.broker.close()  # the next one declares the queues anew
        return 0.0 if len(messages) == _AT_ONCE else _IDLE_SECONDS

    def _lease(self) -> list[BatchMessage]:
        with self.connection.cursor() as cursor:
            cursor.execute(
                _SQL["lease"],
                {"lease_seconds": _LEASE_SECONDS, "republish_seconds": self.republish_seconds, "longest_seconds": _LONGEST_SECONDS, "limit": _AT_ONCE},
            )
            return [BatchMessage(batch_id=batch_id, epoch=epoch) for _, batch_id, epoch in sorted(cursor.fetchall())]

    def _mark(self, ids: Iterable[UUID]) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(_SQL["mark_published"], {"ids": [str(batch_id) for batch_id in ids]})

    def _give_back(self, ids: Iterable[UUID]) -> None:
        with self.connection.cursor() as cursor:
            cursor.execute(_SQL["give_back"], {"ids": [str(batch_id) for batch_id in ids], "seconds": _GIVE_BACK_SECONDS})


def end_leases(connection: Connection) -> None:
    """Makes what others have leased due at once; for whoever takes the lead. One of them may still be publishing: its batches then go out twice."""
    with connection.cursor() as cursor:
        cursor.execute(_SQL["end_leases"])
