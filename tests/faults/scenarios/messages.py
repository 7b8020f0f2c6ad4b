"""Messages that come five times, backwards, as nonsense, or from a later release."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

from tests.faults.scenario import scenario
from tests.faults.servers import Message
from tests.faults.world import World


@contextmanager
def _intercepted(world: World, count: int) -> Iterator[list[Message]]:
    """At least `count` messages, taken out of the queue while no worker can be there; afterwards one can again."""
    wire = world.wire("worker", "rabbitmq")
    wire.refuse()
    world.until(lambda: world.queue_length() > count)  # one of them may be about something else
    everything = world.messages()
    taken = [message for message in everything if message.batch_id]
    assert len(taken) >= count
    for other in everything:
        if other not in taken:
            world.publish(other)
    unapplied = {str(batch_id) for (batch_id,) in world.sql("SELECT id FROM vote_batches WHERE applied_at IS NULL")}
    assert {message.batch_id for message in taken} & unapplied
    try:
        yield taken
    finally:
        wire.heal()


@scenario("every message is delivered five times", rounds=3)
def five_times(world: World) -> Iterator[None]:
    with _intercepted(world, 6) as taken:
        for message in taken * 5:
            world.publish(message)
        assert world.queue_length() >= 5 * len(taken)
        yield


@scenario("batches arrive in reverse order", rounds=3)
def backwards(world: World) -> Iterator[None]:
    with _intercepted(world, 6) as taken:
        ids = [message.batch_id for message in taken]
        seqs = dict(world.sql("SELECT id::text, seq FROM vote_batches WHERE id = ANY(%s::uuid[])", [ids]))
        newest_first = sorted(taken, key=lambda message: -seqs[message.batch_id])
        assert len(seqs) >= 6
        for message in newest_first:
            world.publish(message)
        yield


def _expired(message: Message, name: str) -> Message:
    """The message under this name and with its time over: Celery never runs what has come under such a name again."""
    headers = message.properties["application_headers"] | {"id": name, "expires": "2001-01-01T00:00:00+00:00"}
    return replace(message, properties=message.properties | {"correlation_id": name, "application_headers": headers})


@scenario("poison: messages of nonsense bytes, of unknown tasks, with arguments that mean nothing, or expired", rounds=2)
def poison(world: World) -> Iterator[None]:
    with _intercepted(world, 3) as taken:
        good = taken[0]
        headers = good.properties["application_headers"]
        bad = [
            replace(good, body=b"\xff\xfe\x00 nonsense"),
            replace(good, body=b"[]"),
            replace(good, body=b'{"neither": "here nor there"}'),
            replace(good, body=json.dumps([[], {"batch_id": "no batch", "epoch": 1, "format": 1}, {}]).encode()),
            replace(good, body=json.dumps([[1, 2, 3], {}, {}]).encode()),
            replace(good, body=json.dumps([[], {"batch_id": "00000000-0000-4000-8000-000000000000", "epoch": 1, "format": 1}, {}]).encode()),
            replace(good, body=b"\x80\x04}.", properties=good.properties | {"content_type": "application/x-python-serialize"}),
            replace(good, properties=good.properties | {"application_headers": headers | {"task": "os.system"}}),
            replace(good, properties={"content_type": "text/plain"}, body=b"who reads this?"),
            Message(b"", {}),
            _expired(good, good.batch_id),
            _expired(good, headers["id"]),
        ]
        for message in bad + taken:
            world.publish(message)
        worker, dead = world.process("worker").pid, world.queue_length("dead")
        yield
    world.until(lambda: world.queue_length("dead") >= dead + len(bad) - 1, seconds=30)  # a batch that nobody knows is dropped
    assert world.process("worker").pid == worker, "the poison killed the worker"


@scenario("messages of a later release", rounds=2)
def from_the_future(world: World) -> Iterator[None]:
    with _intercepted(world, 3) as taken:
        before = world.queue_length("dead")
        for message in taken:
            positional, named, options = json.loads(message.body)  # as Celery has it
            world.publish(replace(message, body=json.dumps([positional, named | {"format": 2, "more": "than is known"}, options]).encode()))
        yield
    world.until(lambda: world.queue_length("dead") >= before + len(taken))
