"""The relay, killed where it hurts, doubled, and put to sleep while it leads."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

from tests.faults.scenario import scenario
from tests.faults.world import World

_LEADERS = """
SELECT a.pid FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE l.locktype = 'advisory' AND l.granted AND a.application_name = 'nexus-relay-cutter'"""


@scenario("relay: SIGKILL in the middle of a cut", kills="relay", rounds=7)
def killed_in_a_cut(world: World) -> Iterator[None]:
    with world.holding("LOCK TABLE vote_batches IN SHARE MODE"):  # the cut has the cursor and cannot write its batch
        world.until(lambda: world.waits_for_a_lock("nexus-relay-cutter"))
        [(before,)] = world.sql("SELECT seq FROM relay_cursor")
        old = world.kill("relay")
        yield
        assert world.sql("SELECT seq FROM relay_cursor") == [(before,)]
    world.wait_for_new("relay", old)


@scenario("relay: SIGKILL between cut and publish", kills="relay", rounds=7, short=True)
def killed_before_publishing(world: World) -> Iterator[None]:
    wire = world.wire("relay", "rabbitmq")
    wire.swallow()
    world.until(lambda: wire.requests.swallowed > 0)
    unpublished = "SELECT id FROM vote_batches WHERE published_at IS NULL AND lease_until IS NOT NULL AND applied_at IS NULL"
    leased = world.until(lambda: world.sql(unpublished))
    old = world.kill("relay")
    assert set(leased) <= set(world.sql(unpublished))  # cut, leased, and no worker has heard of them
    yield
    wire.heal()
    world.wait_for_new("relay", old)


@scenario("relay: SIGKILL between publish and mark", kills="relay", rounds=7)
def killed_before_marking(world: World) -> Iterator[None]:
    wire = world.wire("relay", "rabbitmq")
    wire.swallow(requests=False, answers=True)  # published, and the confirm is lost on its way back
    applied = "SELECT id FROM vote_batches WHERE published_at IS NULL AND lease_until IS NOT NULL AND applied_at IS NOT NULL"
    unmarked = world.until(lambda: world.sql(applied))
    old = world.kill("relay")
    assert set(unmarked) <= set(world.sql(applied))  # counted, and nobody noted that they were published
    yield
    wire.heal()
    world.wait_for_new("relay", old)


@scenario("two relays at once, the lead taken from one and the other in turn", rounds=3, hold=3.0, short_hold=1.0)
def two_relays(world: World) -> Iterator[None]:
    with world.spare("relay"):
        relays = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'nexus-relay-cutter'"
        world.until(lambda: world.sql(relays)[0][0] == 2, seconds=40)
        leaders = set()
        for _ in range(6):  # who has lost the lock goes on publishing and keeping house until its cutter has a new connection
            [(leader,)] = world.until(lambda: world.sql(_LEADERS))
            leaders.add(leader)
            world.sql("SELECT pg_terminate_backend(%s)", [leader])
            world.votes_arrive(50)
        assert len(leaders) == 6
        yield


@scenario("relay: SIGSTOP of the leader, SIGCONT after another took over", rounds=3, hold=3.0)
def leader_asleep(world: World) -> Iterator[None]:
    with ExitStack() as mended:
        [(leader,)] = world.until(lambda: world.sql(_LEADERS))
        mended.enter_context(world.spare("relay"))
        world.until(lambda: len(world.sql("SELECT 1 FROM pg_stat_activity WHERE application_name = 'nexus-relay-cutter'")) == 2, seconds=40)
        asleep = world.freeze("relay")
        mended.callback(world.thaw, asleep)
        [(successor,)] = world.until(lambda: [row for row in world.sql(_LEADERS) if row[0] != leader], seconds=30)
        assert successor != leader
        yield
        world.thaw(asleep)
        world.votes_arrive(300)  # both are awake now
