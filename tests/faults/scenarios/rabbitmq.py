"""RabbitMQ: killed, restarted, purged, cut off half-way, short of memory, without a consumer."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from functools import partial

from tests.faults.scenario import scenario
from tests.faults.wires import Wire
from tests.faults.world import World


@scenario("RabbitMQ: SIGKILL", kills="RabbitMQ", rounds=5)
def killed(world: World) -> Iterator[None]:
    old = world.kill("rabbitmq")
    yield
    world.wait_for_new("rabbitmq", old)


@scenario("RabbitMQ: stopped in good order and started again", rounds=3)
def restarted(world: World) -> Iterator[None]:
    old = world.process("rabbitmq")
    old.send_signal(signal.SIGTERM)
    old.wait(60)
    yield
    world.wait_for_new("rabbitmq", old.pid)


@scenario("RabbitMQ: the queue is purged", rounds=3)
def purged(world: World) -> Iterator[None]:
    wire = world.wire("worker", "rabbitmq")
    wire.refuse()
    world.until(lambda: world.queue_length() >= 5)
    with world.channel() as channel:
        purged_messages = channel.queue_purge("nexus.batches")
    assert purged_messages is not None
    assert purged_messages >= 5
    yield
    wire.heal()


@scenario("RabbitMQ: the relay's connection is cut half-way through a publish", rounds=5)
def cut_half_way(world: World) -> Iterator[None]:
    wire = world.wire("relay", "rabbitmq")
    for _ in range(3):
        before = wire.requests.cuts
        wire.cut_half_way(b"batch_id")
        world.until(partial(_has_cut, wire, before))
    yield


@scenario("RabbitMQ: memory alarm, nobody may publish", rounds=2, hold=10.0)
def memory_alarm(world: World) -> Iterator[None]:
    world.rabbitmqctl("set_vm_memory_high_watermark", "0.00001")
    try:
        world.until(lambda: "memory" in world.rabbitmqctl("-q", "eval", "rabbit_alarm:get_alarms()."))
        world.until(lambda: world.waiting_batches() >= 3)  # cut, and not taken
        yield
        assert world.waiting_batches() >= 3
    finally:
        world.rabbitmqctl("set_vm_memory_high_watermark", "0.3")
    world.until(lambda: "memory" not in world.rabbitmqctl("-q", "eval", "rabbit_alarm:get_alarms()."))


@scenario("RabbitMQ: no consumer for a minute", rounds=1, hold=60.0)
def no_consumer(world: World) -> Iterator[None]:
    wire = world.wire("worker", "rabbitmq")
    wire.refuse()
    world.until(lambda: _consumers(world) == 0)
    yield
    assert _consumers(world) == 0
    assert world.waiting_batches() > 0
    wire.heal()


def _has_cut(wire: Wire, before: int) -> bool:
    return wire.requests.cuts > before


def _consumers(world: World) -> int:
    with world.channel() as channel:
        _, _, consumers = channel.queue_declare("nexus.batches", passive=True) or ("", 0, 0)
        return consumers
