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
from redis.backoff import NoBackoff
from redis.retry import Retry

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
    Raises `ValueError` for a URL that is not `redis://`, `rediss://` or `unix://`; commands raise `redis.RedisError`.
    """
    return Redis.from_url(settings.REDIS_URL, retry=Retry(NoBackoff(), 0), **_options())


def async_redis() -> AsyncRedis:
    """The running event loop's client, with the promises of `sync_redis`. Raises `RuntimeError` outside a loop."""
    loop = asyncio.get_running_loop()
    client = _of_loop.get(loop)
    if client is None:
        client = _of_loop[loop] = AsyncRedis.from_url(settings.REDIS_URL, retry=AsyncRetry(NoBackoff(), 0), **_options())
    return client


async def close_async_redis() -> None:
    """Closes the running event loop's connections, if it has any; the next `async_redis()` opens new ones."""
    client = _of_loop.pop(asyncio.get_running_loop(), None)
    if client is not None:
        await client.aclose()
