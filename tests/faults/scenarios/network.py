"""The network between each of our processes and each server: cut, away, slow, trickling, half-open."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.scenario import scenario
from tests.faults.wires import Wire
from tests.faults.world import World

_PAIRS = (
    ("web", "postgres"),
    ("web", "redis"),
    ("relay", "postgres"),
    ("relay", "rabbitmq"),
    ("worker", "postgres"),
    ("worker", "redis"),
    ("worker", "rabbitmq"),
)


def _wire(world: World) -> Wire:
    """Each in turn."""
    return world.wire(*_PAIRS[world.round % len(_PAIRS)])


@scenario("network: the connections of one process to one server are cut, each pair in turn", rounds=len(_PAIRS))
def cut(world: World) -> Iterator[None]:
    wire = _wire(world)
    world.until(lambda: wire.connections > 0)
    assert wire.cut() > 0
    yield


@scenario("network: one server cannot be reached by one process, each pair in turn", rounds=len(_PAIRS), hold=5.0)
def away(world: World) -> Iterator[None]:
    wire = _wire(world)
    world.until(lambda: wire.connections > 0)
    wire.refuse()
    assert wire.connections == 0
    yield
    assert wire.connections == 0
    wire.heal()
    world.until(lambda: wire.connections > 0)


@scenario("network: 0.2 s each way between one process and one server, each pair in turn", rounds=len(_PAIRS), hold=5.0)
def slow(world: World) -> Iterator[None]:
    wire = _wire(world)
    wire.heal()
    wire.delay(0.2)
    world.until(lambda: wire.requests.passed > 0)
    yield
    wire.heal()


@scenario("network: 20 kB/s between one process and one server, each pair in turn", rounds=len(_PAIRS), hold=5.0)
def trickle(world: World) -> Iterator[None]:
    wire = _wire(world)
    wire.heal()
    wire.trickle(20_000)
    world.until(lambda: wire.requests.passed > 0)
    yield
    assert wire.requests.passed < 20_000 * 200  # of all its connections together
    wire.heal()


@scenario("network: half-open, what is sent between one process and one server is lost and nobody is told, each pair in turn", rounds=len(_PAIRS), hold=6.0)
def half_open(world: World) -> Iterator[None]:
    wire = _wire(world)
    wire.swallow()
    world.until(lambda: wire.requests.swallowed > 0)
    yield
    wire.heal()
