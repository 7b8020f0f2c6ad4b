"""The one place that talks to Redis about results: the newest rendered document of each poll, and who hears that it changed."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterable, Sequence
from itertools import groupby
from typing import TYPE_CHECKING, cast
from uuid import UUID

import orjson
from django.conf import settings
from redis.exceptions import TimeoutError as RedisTimeoutError

from core.redis import async_redis, sync_redis
from projections.document import ResultsDocument

if TYPE_CHECKING:
    from redis import Redis
    from redis.asyncio import Redis as AsyncRedis

Change = tuple[UUID, int]

_VERSION_DIGITS = 20
_KEPT_SECONDS = 86_400  # a poll nobody changes leaves Redis after a day; readers then find it in PostgreSQL
_GONE = 2**62  # later than any version
_MOST_AT_ONCE = 1000  # one call holds Redis for about 5 ms then
_SILENCE_SECONDS = 5.0  # after twice this without a message or an answer to a ping the subscription counts as lost

# KEYS: one per poll. ARGV: channel, seconds to keep, then (poll id, version as 20 digits, version, document) per poll.
# Digits of equal length compare as text, so no version is too large for Lua's numbers.
_PUT_IF_NEWER = """
local changed = {}
for i, key in ipairs(KEYS) do
  local at = 3 + (i - 1) * 4
  if redis.call('GETRANGE', key, 0, 19) < ARGV[at + 1] then
    redis.call('SET', key, ARGV[at + 1] .. ARGV[at + 3], 'EX', ARGV[2])
    changed[#changed + 1] = '["' .. ARGV[at] .. '",' .. ARGV[at + 2] .. ']'
  end
end
if #changed > 0 then
  redis.call('PUBLISH', ARGV[1], '[' .. table.concat(changed, ',') .. ']')
end
return #changed
"""


def results_key(epoch: int, poll_id: UUID) -> str:
    return f"{settings.REDIS_PREFIX}:{epoch}:results:{poll_id}"


def changes_channel(epoch: int) -> str:
    return f"{settings.REDIS_PREFIX}:{epoch}:changed"


class ResultsStore:
    """For workers and other synchronous code. Raises `redis.exceptions.RedisError` when Redis cannot be reached in time."""

    def __init__(self, client: Redis) -> None:
        self._client = client
        self._put = client.register_script(_PUT_IF_NEWER)

    def put(self, documents: Iterable[ResultsDocument]) -> int:
        """Keeps each document unless Redis has one of the same or a newer version; then tells subscribers of all that changed, at once.

        How many changed. One call to Redis for up to a thousand documents of one epoch.
        """
        return sum(self._put(keys=keys, args=args) for keys, args in _calls(documents))

    def get(self, epoch: int, poll_id: UUID) -> ResultsDocument | None:
        """The newest document kept of a poll, None when there is none that can be read."""
        raw = self._client.get(results_key(epoch, poll_id))
        return _decoded(raw, epoch, poll_id) if isinstance(raw, bytes) else None

    def forget(self, epoch: int, poll_id: UUID) -> None:
        """Drops what is kept of a poll that no longer exists, and tells subscribers that what they remember is behind."""
        self._client.delete(results_key(epoch, poll_id))
        self._client.publish(changes_channel(epoch), orjson.dumps([[str(poll_id), _GONE]]))


class AsyncResultsStore:
    """For web processes; belongs to the event loop it was made in. Raises like `ResultsStore`."""

    def __init__(self, client: AsyncRedis) -> None:
        self._client = client
        self._put = client.register_script(_PUT_IF_NEWER)

    async def get(self, epoch: int, poll_id: UUID) -> ResultsDocument | None:
        """The newest document kept of a poll, None when there is none that can be read."""
        raw = await cast("Awaitable[bytes | None]", self._client.get(results_key(epoch, poll_id)))
        return None if raw is None else _decoded(raw, epoch, poll_id)

    async def put_one(self, document: ResultsDocument) -> None:
        """As `ResultsStore.put` for one document that a reader had to select itself."""
        for keys, args in _calls([document]):
            await self._put(keys=keys, args=args)

    async def forget(self, epoch: int, poll_id: UUID) -> None:
        """Drops what is kept of a poll that PostgreSQL does not have."""
        await self._client.delete(results_key(epoch, poll_id))

    async def changes(self, epoch: int) -> AsyncIterator[list[Change]]:
        """What changed, as `(poll id, version)` lists, from the moment of the subscription on.

        The first item is empty: it says that the subscription stands, and that what was remembered before may have been missed; so does every other
        empty one. Ends by raising `RedisError` when the connection is lost or silent for long; the caller subscribes again. Pub/sub loses messages: who
        must not miss one asks again.
        """
        pinged = False
        async with self._client.pubsub() as pubsub:
            await pubsub.subscribe(changes_channel(epoch))
            while True:
                message = await pubsub.get_message(timeout=_SILENCE_SECONDS)
                if message is None:
                    if pinged:
                        raise RedisTimeoutError("The subscription to changes of results has gone silent.")
                    await pubsub.ping()
                    pinged = True
                    continue
                pinged = False
                if message["type"] == "subscribe":
                    yield []
                elif message["type"] == "message":
                    yield _changes_in(message["data"])


def results_store() -> ResultsStore:
    return ResultsStore(sync_redis())


def async_results_store() -> AsyncResultsStore:
    return AsyncResultsStore(async_redis())


def _decoded(raw: bytes, epoch: int, poll_id: UUID) -> ResultsDocument | None:
    try:
        document = ResultsDocument.decode(raw[_VERSION_DIGITS:])
    except (ValueError, KeyError, TypeError):
        return None  # written by another release; whoever asked reads PostgreSQL and puts a new one
    return document if (document.epoch, document.poll_id) == (epoch, poll_id) else None


def _changes_in(message: bytes) -> list[Change]:
    """What changed; for a message that cannot be read the empty list, which says that anything may have."""
    try:
        changes = [(UUID(poll_id), version) for poll_id, version in orjson.loads(message)]
    except (ValueError, TypeError, AttributeError):
        return []
    return changes if all(type(version) is int for _, version in changes) else []


def _calls(documents: Iterable[ResultsDocument]) -> Iterable[tuple[list[str], list[str | bytes | int]]]:
    """Keys and arguments of as few calls as may be."""
    for epoch, same_epoch in groupby(sorted(documents, key=lambda document: document.epoch), key=lambda document: document.epoch):
        whole = list(same_epoch)
        for start in range(0, len(whole), _MOST_AT_ONCE):
            yield _call(epoch, whole[start : start + _MOST_AT_ONCE])


def _call(epoch: int, documents: Sequence[ResultsDocument]) -> tuple[list[str], list[str | bytes | int]]:
    args: list[str | bytes | int] = [changes_channel(epoch), _KEPT_SECONDS]
    for document in documents:
        args += [str(document.poll_id), f"{document.version:020d}", document.version, document.encode()]
    return [results_key(epoch, document.poll_id) for document in documents], args
