"""Connections to Redis: one client per process for plain code, one per event loop for coroutines."""

from __future__ import annotations

import asyncio
from functools import cache
from typing import Any
from weakref import WeakKeyDictionary

from django.conf import settings
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.asyncio.retry import Retry as AsyncRetry
from redis.asyncio.sentinel import Sentinel as AsyncSentinel
from redis.backoff import NoBackoff
from redis.retry import Retry
from redis.sentinel import Sentinel

from core.sentinel import SentinelAddress, parse_sentinel_url

_of_loop: WeakKeyDictionary[asyncio.AbstractEventLoop, AsyncRedis] = WeakKeyDictionary()


def _options() -> dict[str, Any]:
    return {
        "socket_timeout": settings.REDIS_TIMEOUT_SECONDS,
        "socket_connect_timeout": settings.REDIS_TIMEOUT_SECONDS,
        "decode_responses": False,
        "protocol": 2,  # one round trip less per connection, and the floor (6.2) speaks it
        "driver_info": None,  # likewise: Redis need not know which library this is
    }


@cache
def sync_redis() -> Redis:
    """The process's client for plain code, safe to share among threads and across a fork.

    A command is tried once: no retries, at most `REDIS_TIMEOUT_SECONDS` each to connect and to answer. Values are bytes.
    Behind Sentinel it is whoever is master when a connection is made. Raises `ValueError` for a URL that is not `redis://`, `rediss://`, `unix://` or
    `redis+sentinel://`; commands raise `redis.RedisError`.
    """
    options = _options() | {"retry": Retry(NoBackoff(), 0)}
    behind = parse_sentinel_url(settings.REDIS_URL)
    if behind is None:
        return Redis.from_url(settings.REDIS_URL, **options)
    client: Redis = Sentinel(behind.sentinels, sentinel_kwargs=options).master_for(behind.service, **options, **_login(behind))
    return client


def async_redis() -> AsyncRedis:
    """The running event loop's client, with the promises of `sync_redis`. Raises `RuntimeError` outside a loop."""
    loop = asyncio.get_running_loop()
    client = _of_loop.get(loop)
    if client is None:
        client = _of_loop[loop] = _new_async_client()
    return client


def _new_async_client() -> AsyncRedis:
    options = _options() | {"retry": AsyncRetry(NoBackoff(), 0)}
    behind = parse_sentinel_url(settings.REDIS_URL)
    if behind is None:
        return AsyncRedis.from_url(settings.REDIS_URL, **options)
    client: AsyncRedis = AsyncSentinel(list(behind.sentinels), sentinel_kwargs=options).master_for(behind.service, **options, **_login(behind))
    return client


def _login(behind: SentinelAddress) -> dict[str, Any]:
    return {"db": behind.database, "username": behind.username, "password": behind.password}


async def close_async_redis() -> None:
    """Closes the running event loop's connections, if it has any; the next `async_redis()` opens new ones."""
    client = _of_loop.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()
