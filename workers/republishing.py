"""Publishes batches at an operator's word, without waiting for the relay's pace."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from threading import Event
from uuid import UUID

from django.db import connections

from core.celery import app
from core.sql import queries
from workers.broker import Broker
from workers.messages import BatchMessage
from workers.poll_names import uuid_in

_SQL = queries(Path(__file__).parent, "relay.sql")
_AT_ONCE = 64
_LONGEST_NUMBER = 18  # digits, so that it is a bigint


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchStanding:
    """A batch and how far it has got."""

    message: BatchMessage
    seq: int
    votes: int
    cut_at: datetime
    published_at: datetime | None
    publications: int
    applied_at: datetime | None


def unapplied_batches() -> list[BatchStanding]:
    """Batches that are not in the results yet, oldest first."""
    return _select("unapplied_batches", {})


def find_batch(name: str) -> BatchStanding | None:
    """The batch with this id or `seq`."""
    seq = int(name) if name.isascii() and name.isdigit() and len(name) <= _LONGEST_NUMBER else None
    return next(iter(_select("batch_named", {"id": uuid_in(name), "seq": seq})), None)


def republish(batches: Sequence[BatchStanding]) -> Iterator[set[UUID]]:
    """Publishes them, some at a time, and yields which of those the broker has taken. Safe however often: a batch is counted once.

    Raises `BrokerFailure`, after which any may have been taken.
    """
    broker = Broker(app, stop=Event())
    try:
        for start in range(0, len(batches), _AT_ONCE):
            taken = broker.publish([batch.message for batch in batches[start : start + _AT_ONCE]])
            with connections["default"].cursor() as cursor:
                cursor.execute(_SQL["mark_published"], {"ids": [str(batch_id) for batch_id in taken]})
            yield taken
    finally:
        broker.close()


def _select(name: str, parameters: dict[str, UUID | int | None]) -> list[BatchStanding]:
    with connections["default"].cursor() as cursor:
        cursor.execute(_SQL[name], parameters)
        return [
            BatchStanding(
                message=BatchMessage(batch_id=batch_id, epoch=epoch),
                seq=seq,
                votes=votes,
                cut_at=cut_at,
                published_at=published_at,
                publications=publications,
                applied_at=applied_at,
            )
            for batch_id, epoch, seq, votes, cut_at, published_at, publications, applied_at in cursor.fetchall()
        ]
