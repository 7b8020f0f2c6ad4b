"""PostgreSQL stopped, cut off, held up, read-only, full of connections, and lost in the middle of a commit."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import ExitStack, closing

import psycopg2
from psycopg2.extensions import connection as Connection

from tests.faults.scenario import scenario
from tests.faults.stack import gone
from tests.faults.world import World

_OURS = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'nexus%'"


def _serves(world: World) -> bool:
    return bool(world.sql("SELECT NOT pg_is_in_recovery()")[0][0])


@scenario("PostgreSQL: immediate stop, and a new start", kills="PostgreSQL", rounds=5)
def stopped_at_once(world: World) -> Iterator[None]:
    old = world.process("postgres")
    started = old.create_time()
    old.send_signal(signal.SIGQUIT)
    gone(old.pid, started)
    yield
    world.wait_for_new("postgres", old.pid)
    world.until(lambda: _serves(world), seconds=60)


@scenario("PostgreSQL: all connections terminated", rounds=5, short=True, short_hold=0.5)
def connections_terminated(world: World) -> Iterator[None]:
    before = set(world.sql(_OURS))
    assert before
    world.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'nexus%'")
    world.until(lambda: not before & set(world.sql(_OURS)))
    yield


@scenario("PostgreSQL: a writing transaction is held for 30 s", rounds=1, hold=30.0)
def writer_held(world: World) -> Iterator[None]:
    """It holds the horizon: nothing after it is cut, so results stand still and votes go on."""
    with world.holding("CREATE TEMPORARY TABLE held ()"):
        [(held,)] = world.sql("SELECT backend_xid::text::bigint FROM pg_stat_activity WHERE application_name = 'faults' AND backend_xid IS NOT NULL")
        world.votes_arrive(300)
        yield
        world.votes_arrive(300)
        [(drained,)] = world.sql("SELECT drained_xid::text::bigint FROM relay_cursor")
        assert drained <= held


@scenario("PostgreSQL: read-only for 10 s", rounds=2, hold=10.0)
def read_only(world: World) -> Iterator[None]:
    def every_session(word: str) -> None:
        world.sql(f"ALTER SYSTEM SET default_transaction_read_only = {word}")
        world.sql("SELECT pg_reload_conf()")
        world.until(lambda: world.sql("SHOW default_transaction_read_only") == [(word,)])

    with ExitStack() as mended:
        mended.callback(every_session, "off")
        every_session("on")
        world.until(lambda: world.said("PostgreSQL does not take votes"))
        yield
    assert world.sql("SHOW transaction_read_only") == [("off",)]


@scenario("PostgreSQL: max_connections reached, and everybody has to connect anew", rounds=2, hold=5.0)
def out_of_connections(world: World) -> Iterator[None]:
    taken: list[Connection] = []

    def is_full() -> bool:
        try:
            for _ in range(300):
                taken.append(world.connect())  # noqa: PERF401  (those before the failure are kept)
        except psycopg2.OperationalError as error:
            return "too many clients" in str(error) or "remaining connection slots" in str(error)
        return False

    with ExitStack() as mended:
        mended.callback(lambda: [connection.close() for connection in taken])
        world.until(is_full)
        with taken[0].cursor() as cursor:
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'nexus%'")
            assert cursor.rowcount > 0
        world.until(is_full)
        yield
        assert is_full()
    with closing(world.connect()):
        pass


@scenario("PostgreSQL: the connection is cut during COMMIT, the statement half-way or its answer lost; of web, of the worker, of the relay", rounds=12)
def cut_in_a_commit(world: World) -> Iterator[None]:
    process, marker = (("web", b"append_votes"), ("worker", b"COMMIT"), ("relay", b"COMMIT"))[world.round % 3]
    wire = world.wire(process, "postgres")
    if world.round // 3 % 2 == 0:
        wire.cut_half_way(marker)
        world.until(lambda: wire.requests.cuts)
    else:
        wire.swallow(requests=False, answers=True)
        world.until(lambda: wire.answers.swallowed)
        assert wire.cut() > 0
        wire.heal()
    yield
