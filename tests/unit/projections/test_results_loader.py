"""The loader with sources played by hand: who is asked, how often, and what happens when one is away."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from uuid import UUID

import pytest
from redis.exceptions import ConnectionError as RedisAway

from core.errors import NotFound, Unavailable
from projections.document import ResultsDocument
from projections.loader import REDIS_SPACING_SECONDS, Loader
from projections.memory import Memory
from tests.unit.projections.documents import make_document
from tests.waiting import until


class Sources:
    """Redis and PostgreSQL as dictionaries that count their questions and can be away."""

    def __init__(self) -> None:
        self.in_redis: dict[UUID, ResultsDocument] = {}
        self.in_postgres: dict[UUID, ResultsDocument] = {}
        self.redis_asked = self.postgres_asked = 0
        self.redis_away = self.postgres_away = False

    async def get(self, epoch: int, poll_id: UUID) -> ResultsDocument | None:
        self.redis_asked += 1
        assert epoch == 1
        await asyncio.sleep(0)
        if self.redis_away:
            raise RedisAway("away")
        return self.in_redis.get(poll_id)

    async def forget(self, epoch: int, poll_id: UUID) -> None:
        assert epoch == 1
        self.in_redis.pop(poll_id, None)

    async def put_one(self, document: ResultsDocument) -> None:
        if self.redis_away:
            raise RedisAway("away")
        present = self.in_redis.get(document.poll_id)
        if present is None or present.order < document.order:
            self.in_redis[document.poll_id] = document

    async def read(self, poll_id: UUID) -> tuple[ResultsDocument, ...]:
        self.postgres_asked += 1
        document = self.in_postgres.get(poll_id)
        await asyncio.sleep(0.005)
        if self.postgres_away:
            raise Unavailable
        return () if document is None else (document,)


@pytest.fixture
def sources() -> Sources:
    return Sources()


@pytest.fixture
def loader(sources: Sources) -> Loader:
    memory = Memory(most_polls=100, fresh_seconds=1.0)
    loader = Loader(memory, sources, sources.read)
    loader.epoch = 1
    return loader


def stale(loader: Loader, document: ResultsDocument) -> None:
    entry = loader.memory.entries[str(document.poll_id)]
    entry.until = entry.fresh_until = 0.0


async def test_memory_first_then_redis_then_postgres_which_feeds_redis(loader: Loader, sources: Sources) -> None:
    document = make_document()
    key = str(document.poll_id)
    sources.in_postgres[document.poll_id] = document
    for _ in range(3):
        assert (await loader.current(key)).document == document
    assert (sources.redis_asked, sources.postgres_asked) == (1, 1)
    await asyncio.sleep(0)
    assert sources.in_redis[document.poll_id] == document
    loader.memory.drop_all()
    await loader.current(key)
    assert (sources.redis_asked, sources.postgres_asked) == (2, 1)


async def test_a_thousand_readers_are_one_question(loader: Loader, sources: Sources) -> None:
    document = make_document()
    sources.in_postgres[document.poll_id] = document
    await asyncio.gather(*(loader.current(str(document.poll_id)) for _ in range(1000)))
    assert (sources.redis_asked, sources.postgres_asked) == (1, 1)


async def test_one_reader_who_leaves_does_not_take_the_others_along(loader: Loader, sources: Sources) -> None:
    document = make_document()
    sources.in_postgres[document.poll_id] = document
    first, second = (asyncio.create_task(loader.current(str(document.poll_id))) for _ in range(2))
    await asyncio.sleep(0.001)
    first.cancel()
    assert (await second).document == document


async def test_a_poll_that_postgres_does_not_have_is_taken_out_of_redis_too(loader: Loader, sources: Sources) -> None:
    document = make_document()
    key = str(document.poll_id)
    sources.in_postgres[document.poll_id] = document
    await loader.current(key)
    await until(lambda: document.poll_id in sources.in_redis)
    del sources.in_postgres[document.poll_id]
    with pytest.raises(NotFound):
        await loader.at_least(key, (1, document.version + 1))
    await until(lambda: document.poll_id not in sources.in_redis)


async def test_an_unknown_poll_is_remembered_for_a_moment(loader: Loader, sources: Sources) -> None:
    key = str(make_document().poll_id)
    for _ in range(20):
        with pytest.raises(NotFound):
            await loader.current(key)
    assert sources.postgres_asked == 1


async def test_a_poll_deleted_meanwhile_is_gone_at_the_next_look(loader: Loader, sources: Sources) -> None:
    document = make_document()
    sources.in_redis[document.poll_id] = document
    await loader.current(str(document.poll_id))
    stale(loader, document)
    with pytest.raises(NotFound):
        await loader.current(str(document.poll_id))


async def test_redis_that_lost_what_it_knew_is_not_believed_against_memory(loader: Loader, sources: Sources) -> None:
    newer = make_document(version=9)
    older = replace(newer, version=3)
    sources.in_postgres[newer.poll_id] = newer
    await loader.current(str(newer.poll_id))
    sources.in_redis[newer.poll_id] = older
    stale(loader, newer)
    assert (await loader.current(str(newer.poll_id))).document.version == 9


async def test_redis_with_an_old_snapshot_is_found_out_at_the_first_revalidation(loader: Loader, sources: Sources) -> None:
    newer = make_document(version=9)
    sources.in_postgres[newer.poll_id] = newer
    sources.in_redis[newer.poll_id] = replace(newer, version=3)
    assert (await loader.current(str(newer.poll_id))).document.version == 3
    stale(loader, newer)
    assert (await loader.current(str(newer.poll_id))).document.version == 9
    await asyncio.sleep(0)
    assert sources.in_redis[newer.poll_id].version == 9


async def test_redis_away_is_asked_once_a_second_and_reads_go_on(loader: Loader, sources: Sources) -> None:
    sources.redis_away = True
    documents = [make_document() for _ in range(20)]
    sources.in_postgres = {document.poll_id: document for document in documents}
    for document in documents:
        assert (await loader.current(str(document.poll_id))).document == document
    assert sources.redis_asked == 1


async def test_postgres_away_is_bridged_by_redis_and_by_memory(loader: Loader, sources: Sources) -> None:
    sources.postgres_away = True
    document = make_document()
    sources.in_redis[document.poll_id] = document
    await loader.current(str(document.poll_id))
    stale(loader, document)
    assert (await loader.current(str(document.poll_id))).document == document
    sources.redis_away = True
    stale(loader, document)
    assert (await loader.current(str(document.poll_id))).document == document
    with pytest.raises(Unavailable):
        await loader.current(str(make_document().poll_id))


async def test_a_reader_who_saw_a_newer_version_gets_it_from_redis_or_postgres(loader: Loader, sources: Sources) -> None:
    old = make_document(version=1)
    key = str(old.poll_id)
    sources.in_postgres[old.poll_id] = old
    await loader.current(key)
    sources.in_redis[old.poll_id] = replace(old, version=2)
    await asyncio.sleep(REDIS_SPACING_SECONDS)
    assert (await loader.at_least(key, (1, 2))).document.version == 2
    assert sources.postgres_asked == 1
    sources.in_postgres[old.poll_id] = replace(old, version=3)
    assert (await loader.at_least(key, (1, 3))).document.version == 3


async def test_a_reader_who_saw_a_newer_version_is_never_given_an_older_one(loader: Loader, sources: Sources) -> None:
    old = make_document(version=1)
    sources.in_postgres[old.poll_id] = old
    await loader.current(str(old.poll_id))
    sources.postgres_away = True
    with pytest.raises(Unavailable):
        await loader.at_least(str(old.poll_id), (1, 2))


async def test_versions_from_the_future_cost_ten_reads_a_second_at_most(loader: Loader, sources: Sources) -> None:
    document = make_document()
    key = str(document.poll_id)
    sources.in_postgres[document.poll_id] = document
    loop = asyncio.get_running_loop()
    started = loop.time()

    async def forge(number: int) -> None:
        while loop.time() < started + 0.45:
            assert (await loader.at_least(key, (9, number))).document == document

    await asyncio.gather(*(forge(number) for number in range(50)))
    assert sources.postgres_asked <= 1 + (loop.time() - started) / 0.1


async def test_an_honest_reader_among_forgers_gets_what_was_there_before_he_asked(loader: Loader, sources: Sources) -> None:
    document = make_document(version=1)
    key = str(document.poll_id)
    sources.in_postgres[document.poll_id] = document
    forgers = [asyncio.create_task(loader.at_least(key, (9, number))) for number in range(20)]
    await asyncio.sleep(0.102)  # their statement is under way, and has not seen what comes now
    sources.in_postgres[document.poll_id] = replace(document, version=2)
    assert (await loader.at_least(key, (1, 2))).document.version == 2
    await asyncio.gather(*forgers)
