"""Redis killed, emptied, come back empty or with an old snapshot, and slow."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from redis import Redis

from tests.faults.scenario import scenario
from tests.faults.world import World


def _run_id(world: World) -> str | None:
    try:
        with closing(world.redis()) as redis:
            return str(redis.info("server")["run_id"])
    except (OSError, LookupError, ConnectionError) as error:
        del error
        return None
    except Exception as error:  # noqa: BLE001  (whatever its client says of a server that is not there, or loads)
        del error
        return None


def _snapshot(world: World) -> Path:
    """Where Redis will look for a snapshot when it starts; it writes none by itself any more."""
    with closing(world.redis()) as redis:
        redis.config_set("save", "")
        return Path(redis.config_get("dir")["dir"]) / redis.config_get("dbfilename")["dbfilename"]


def _restart(world: World) -> int:
    before = _run_id(world)
    old = world.kill("redis")
    assert _run_id(world) is None or _run_id(world) != before
    return old


def _is_back(world: World, old: int, before: str | None) -> None:
    world.wait_for_new("redis", old)
    world.until(lambda: (found := _run_id(world)) is not None and found != before)


@scenario("Redis: SIGKILL", kills="Redis", rounds=5)
def killed(world: World) -> Iterator[None]:
    before = _run_id(world)
    old = _restart(world)
    yield
    _is_back(world, old, before)


@scenario("Redis: emptied", rounds=5, short=True, short_hold=0.5)
def emptied(world: World) -> Iterator[None]:
    with closing(world.redis()) as redis, redis.pipeline(transaction=True) as together:
        held, _, left = together.dbsize().flushall().dbsize().execute()
    assert held > 0
    assert left == 0
    yield


@scenario("Redis: restarted empty", kills="Redis", rounds=3)
def restarted_empty(world: World) -> Iterator[None]:
    snapshot, before = _snapshot(world), _run_id(world)
    snapshot.unlink(missing_ok=True)
    old = _restart(world)
    assert not snapshot.exists()
    yield
    _is_back(world, old, before)


@scenario("Redis: restarted with an old snapshot", kills="Redis", rounds=3)
def restarted_with_an_old_snapshot(world: World) -> Iterator[None]:
    snapshot, before = _snapshot(world), _run_id(world)
    with closing(world.redis()) as redis:
        redis.save()
    past = snapshot.read_bytes()
    world.votes_arrive(900)  # readers have seen much newer results by then
    old = _restart(world)
    assert snapshot.read_bytes() == past
    yield
    _is_back(world, old, before)


@scenario("Redis: slow for everybody, by 0.2 s and by more than its time-out", rounds=2, hold=8.0)
def slow(world: World) -> Iterator[None]:
    seconds = (0.1, 1.0)[world.round % 2]
    for process in ("web", "worker"):
        wire = world.wire(process, "redis")
        wire.delay(seconds)
        with closing(Redis(port=wire.port, socket_timeout=10)) as through:
            began = time.monotonic()
            through.ping()
            assert time.monotonic() - began >= 2 * seconds
    yield
