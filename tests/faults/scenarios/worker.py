"""The worker, killed in the middle of its transaction, before Redis has the results, and before the message is acknowledged."""

from __future__ import annotations

from collections.abc import Iterator

from tests.faults.scenario import scenario
from tests.faults.world import World

_WAITS = "SELECT pid FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query LIKE '%INSERT INTO choice_tallies%'"

_ACKNOWLEDGEMENT = 21  # bytes; a heartbeat has 8


def _whom(world: World) -> str:
    """The whole worker, or only the child that does the work."""
    return ("all", "children")[world.round % 2]


def _back(world: World, old: int) -> None:
    if _whom(world) == "all":
        world.wait_for_new("worker", old)
    else:
        world.until(lambda: world.process("worker").children())


def _applied_and_queued(world: World) -> bool:
    """Whether the queue has the message of a batch that is applied."""
    queued = [message.batch_id for message in world.messages(keep=True) if message.batch_id]
    return bool(world.sql("SELECT 1 FROM vote_batches WHERE applied_at IS NOT NULL AND id = ANY(%s::uuid[])", [queued]))


@scenario("worker: SIGKILL in the middle of its transaction", kills="worker", rounds=7, short=True)
def killed_in_the_transaction(world: World) -> Iterator[None]:
    with world.holding("LOCK TABLE choice_tallies IN SHARE ROW EXCLUSIVE MODE"):  # the batch is claimed, polls and questions are counted
        world.until(lambda: world.sql(_WAITS))
        old = world.kill("worker", _whom(world))
        yield
    _back(world, old)


@scenario("worker: SIGKILL after its commit, before Redis", kills="worker", rounds=7)
def killed_before_redis(world: World) -> Iterator[None]:
    wire = world.wire("worker", "redis")
    wire.swallow()
    behind = "SELECT 1 FROM poll_projections WHERE version > rendered_version AND poll_id = ANY(%s::uuid[])"
    world.until(lambda: wire.requests.swallowed > 0 and world.sql(behind, [world.polls]))  # other things are said to Redis, too
    old = world.kill("worker", _whom(world))
    assert world.sql(behind, [world.polls])  # counted, and Redis was not told
    yield
    wire.heal()
    _back(world, old)


@scenario("worker: SIGKILL before it acknowledges", kills="worker", rounds=7)
def killed_before_acknowledging(world: World) -> Iterator[None]:
    wire = world.wire("worker", "rabbitmq")
    wire.swallow(requests=True, answers=False)  # messages come, acknowledgements get lost
    world.until(lambda: wire.requests.swallowed >= _ACKNOWLEDGEMENT)
    old = world.kill("worker")  # a child does not acknowledge, so it is always the whole worker here
    world.until(lambda: _applied_and_queued(world))
    yield
    wire.heal()
    world.wait_for_new("worker", old)
