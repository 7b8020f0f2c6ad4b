"""The dead letters: looks at them without losing them, sends them back to the workers, drops them. RabbitMQ only."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from kombu import Connection, Producer, Queue
from kombu.exceptions import KombuError
from kombu.message import Message

from core.celery import app
from workers.broker import BrokerFailure
from workers.messages import BatchMessage, UndecodableMessage
from workers.topology import APPLY_BATCH, batches_queue, dead_queue, declare

_CONFIRM_SECONDS = 5.0
_WORN = 10  # deliveries; newer RabbitMQs drop a message after twenty, and a look is one
_OURS = (
    "x-death",
    "x-first-death-exchange",
    "x-first-death-queue",
    "x-first-death-reason",
    "x-last-death-exchange",
    "x-last-death-queue",
    "x-last-death-reason",
)
_KEPT = {"correlation_id", "reply_to", "priority", "message_id", "timestamp"}  # properties


@dataclass(frozen=True, slots=True, kw_only=True)
class DeadLetter:
    """A message that no worker could read, or that killed one again and again. `name` follows from what it says, so equal letters share it.

    `batch`: the one it names, None when it cannot be read. `reason`: why it cannot be, else why RabbitMQ put it here.
    """

    name: str
    task: str
    reason: str
    died_at: datetime | None
    body: str
    batch: BatchMessage | None


Chosen = Callable[[DeadLetter], bool]


def look(limit: int) -> list[DeadLetter]:
    """The oldest dead letters, up to `limit`. They stay where they are; somebody else who looks at the same moment misses them.

    Raises `BrokerFailure`, as all of these do.
    """
    with _channel() as channel:
        return [_read(message) for message in _taken(channel, limit)]


def replay(chosen: Chosen, *, limit: int, each: Callable[[DeadLetter], object] = lambda _: None) -> int:
    """Sends the chosen ones back to the batches' queue, and takes each away once the broker has confirmed; how many."""
    return _deal(chosen, limit, batches_queue(), each)


def drop(chosen: Chosen, *, limit: int, each: Callable[[DeadLetter], object] = lambda _: None) -> int:
    """Takes the chosen ones away for good; how many. No vote is lost: those are in PostgreSQL, and batches not counted are published again."""
    return _deal(chosen, limit, None, each)


def _deal(chosen: Chosen, limit: int, to: Queue | None, each: Callable[[DeadLetter], object]) -> int:
    dealt = 0
    with _channel() as channel:
        for message in _taken(channel, limit):
            letter = _read(message)
            if not chosen(letter):
                continue
            if to is not None:
                _send(channel, message, to)
            message.ack()
            dealt += 1
            each(letter)
    return dealt


@contextmanager
def _channel() -> Iterator[Any]:
    """A channel in confirm mode. What was taken and not acknowledged is back in the queue when it closes."""
    connection: Connection = app.connection_for_write(heartbeat=0, transport_options={"confirm_publish": True, "read_timeout": 10, "write_timeout": 10})
    errors: tuple[type[BaseException], ...] = (OSError, KombuError, *connection.connection_errors, *connection.channel_errors)
    try:
        connection.ensure_connection(max_retries=1, timeout=5, interval_start=0, interval_max=0)
        declare(connection)
        with connection.channel() as channel:
            yield channel
    except errors as error:
        raise BrokerFailure(" ".join(str(error).split()) or type(error).__name__) from error
    finally:
        connection.collect(socket_timeout=0.5)


def _taken(channel: Any, limit: int) -> list[Message]:
    """Takes the oldest, unacknowledged. One that has been looked at often is replaced by a fresh copy first."""
    taken: list[Message] = []
    queue = dead_queue()(channel)
    while len(taken) < limit and (message := queue.get(no_ack=False)) is not None:
        if _headers(message).get("x-delivery-count", 0) >= _WORN:
            _send(channel, message, dead_queue())
            message.ack()
            continue
        taken.append(message)
    return taken


def _send(channel: Any, message: Message, queue: Queue) -> None:
    """Publishes a copy, and returns once the broker has it in the queue."""
    returned: list[Any] = []
    producer = Producer(channel, auto_declare=False, on_return=lambda *arguments: returned.append(arguments))
    headers = {
        name: value for name, value in _headers(message).items() if name != "x-delivery-count" and (queue.name == dead_queue().name or name not in _OURS)
    }
    properties: dict[str, Any] = {name: value for name, value in message.properties.items() if name in _KEPT}
    producer.publish(
        message.body,
        exchange=queue.exchange.name,
        routing_key=queue.routing_key,
        content_type=message.content_type,
        content_encoding=message.content_encoding,
        headers=headers,
        delivery_mode=2,
        mandatory=True,
        confirm_timeout=_CONFIRM_SECONDS,
        **properties,
    )
    if returned:
        raise BrokerFailure(f"no queue {queue.name} takes the letter; it stays where it is")


def _read(message: Message) -> DeadLetter:
    raw = message.body if isinstance(message.body, bytes) else str(message.body).encode()
    task = str(_headers(message).get("task", ""))
    death: dict[str, Any] = next(iter(_headers(message).get("x-death") or ()), {})
    died_at = death.get("time")
    batch, reason = _batch(message) if task in {"", APPLY_BATCH} else (None, "")
    why = f"{death.get('reason', 'unknown')} {death.get('count', 1)} times"
    return DeadLetter(
        name=hashlib.sha256(task.encode() + b"\0" + raw).hexdigest()[:12],
        task=task,
        reason=reason or (why if batch else f"{task}, {why}"),
        died_at=died_at if isinstance(died_at, datetime) else None,
        body=raw.decode(errors="replace"),
        batch=batch,
    )


def _headers(message: Message) -> dict[str, Any]:
    headers: dict[str, Any] = message.headers or {}
    return headers


def _batch(message: Message) -> tuple[BatchMessage | None, str]:
    """The batch that the letter names, else why it names none."""
    try:
        _, arguments, _ = message.decode()
        return BatchMessage.decode(arguments), ""
    except UndecodableMessage as error:
        return None, str(error)
    except Exception as error:  # noqa: BLE001  (a letter may be anything)
        return None, f"cannot be read ({type(error).__name__})"


def named(names: Collection[str]) -> Chosen:
    """Those with one of these names."""
    return lambda letter: letter.name in names
