"""Token buckets that live in Redis, shared by all processes: the one file that talks to it about limits."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple, cast

from django.conf import settings
from redis import RedisError
from redis.exceptions import NoScriptError

from core.rates import Rate
from core.redis import async_redis, sync_redis

# ValueError: an answer of another shape; RuntimeError: uvloop, writing to a connection that has just closed
FAILURES = (RedisError, OSError, ValueError, RuntimeError)


class Bucket(NamedTuple):
    key: str
    rate: Rate


Take = tuple[Bucket, ...]
"""One token from each of these, or from none of them."""


class Found(NamedTuple):
    """What became of a take: whether every bucket had a token, and per bucket the microseconds until it is full again."""

    granted: bool
    debts: tuple[int, ...]


class _Script:
    def __init__(self, name: str) -> None:
        self.text = (Path(__file__).parent / "lua" / name).read_text(encoding="utf-8")
        self.sha = hashlib.sha1(self.text.encode(), usedforsecurity=False).hexdigest()

    def run(self, *arguments: Any) -> Any:
        client = sync_redis()
        try:
            return client.evalsha(self.sha, *arguments)
        except NoScriptError:
            return client.eval(self.text, *arguments)

    async def run_async(self, *arguments: Any) -> Any:
        client = async_redis()
        try:
            return await client.evalsha(self.sha, *arguments)
        except NoScriptError:
            return await client.eval(self.text, *arguments)


_TAKE, _GIVE_BACK = _Script("token_bucket.lua"), _Script("give_back.lua")


async def run_takes(takes: Sequence[Take]) -> list[Found]:
    """All takes in one round trip, judged in order. Raises one of `FAILURES`."""
    return _found(takes, cast("list[int]", await _TAKE.run_async(*_arguments(takes))))


def run_takes_now(takes: Sequence[Take]) -> list[Found]:
    """The same for plain code."""
    return _found(takes, cast("list[int]", _TAKE.run(*_arguments(takes))))


def give_back_now(take: Take) -> None:
    """Undoes a take that was granted. Raises one of `FAILURES`."""
    _GIVE_BACK.run(len(take), *(bucket.key for bucket in take), *(bucket.rate.interval for bucket in take))


@lru_cache(maxsize=10_000)
def mask(text: str) -> str:
    """Stands for a client or an account in Redis, so that no copy of its memory holds addresses or names."""
    return hashlib.blake2b(text.encode(), key=settings.SECRET_KEY.encode()[:64], digest_size=12).hexdigest()


def _arguments(takes: Sequence[Take]) -> list[Any]:
    arguments: list[Any] = [bucket.key for take in takes for bucket in take]
    arguments.insert(0, len(arguments))
    for take in takes:
        for place, bucket in enumerate(take, start=1):
            arguments += (bucket.rate.interval, bucket.rate.limit, int(place == len(take)))
    return arguments


def _found(takes: Sequence[Take], flat: list[int]) -> list[Found]:
    pairs: Iterator[tuple[int, int]] = zip(flat[::2], flat[1::2], strict=True)
    found = []
    for take in takes:
        answers = [next(pairs) for _ in take]
        found.append(Found(all(granted == 1 for granted, _ in answers), tuple(debt for _, debt in answers)))
    return found
