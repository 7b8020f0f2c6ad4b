"""What stands in Redis, or comes from it, and makes no sense, of another release or of nobody's: readers get what PostgreSQL has, never a failure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from uuid import uuid4

import orjson
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from core.errors import NotAuthenticated
from core.redis import async_redis, sync_redis
from projections.document import ResultsDocument
from projections.memory import memory
from projections.results_store import _VERSION_DIGITS, _changes_in, changes_channel, results_key
from projections.tickets import _key, redeem_ticket
from tests.asgi_client import ask
from tests.contract.conftest import http
from tests.counting import own_names, results_of
from tests.factories import make_poll
from tests.fuzz.requests import as_json, json_values
from tests.waiting import until

__all__ = ["http", "own_names"]
shared = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], phases=(Phase.explicit, Phase.reuse, Phase.generate))
strange = (
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=6) | st.just([]) | st.just({}) | st.just([{}]) | st.just([1])
)


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where something stands in a JSON value."""
    found = [path] if path else []
    if isinstance(value, dict):
        return found + [place for name, inner in value.items() for place in places(inner, (*path, name))]
    if isinstance(value, list):
        return found + [place for index, inner in enumerate(value) for place in places(inner, (*path, index))]
    return found


def with_change(value: Any, path: tuple[Any, ...], change: Callable[[Any, Any], None]) -> Any:
    copy = orjson.loads(orjson.dumps(value))
    inner = copy
    for step in path[:-1]:
        inner = inner[step]
    change(inner, path[-1])
    return copy


@st.composite
def spoilt(draw: st.DrawFn, good: bytes) -> bytes:
    """A good document with a value replaced, left out or added, cut short, or something else altogether."""
    value = orjson.loads(good)
    path, odd = draw(st.sampled_from(places(value))), draw(strange)

    def replace(inner: Any, name: Any) -> None:
        inner[name] = odd

    def drop(inner: Any, name: Any) -> None:
        del inner[name]

    def add(inner: Any, name: Any) -> None:
        if isinstance(inner, dict):
            inner[f"{name}_of_a_later_release"] = odd

    kind = draw(st.sampled_from(("replace", "replace", "drop", "add", "cut", "other")))
    if kind == "cut":
        return good[: draw(st.integers(0, len(good) - 1))]
    if kind == "other":
        return draw(st.binary(max_size=60) | json_values.map(as_json))
    return as_json(with_change(value, path, {"replace": replace, "drop": drop, "add": add}[kind]))


def a_document(poll: Any) -> bytes:
    return results_of(poll.pk).encode()


@pytest.fixture
def unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs


@pytest.fixture
def two_polls(unsafe: None, http: Any) -> Any:
    return make_poll(), make_poll(title="Another")


@pytest.fixture
def document(committed_db: None) -> bytes:
    return a_document(make_poll(questions=[{"choices": 3}]))


def check_decoding(data: st.DataObject, document: bytes) -> None:
    raw = data.draw(spoilt(document))
    try:
        found = ResultsDocument.decode(raw)
    except (ValueError, KeyError, TypeError):
        return
    assert orjson.loads(found.body("open"))["title"] == found.title  # what is understood can be answered with
    assert ResultsDocument.decode(found.encode()) == found


@given(data=st.data())
@settings(shared, max_examples=300)
def test_a_document_is_understood_whole_or_not_at_all(document: bytes, data: st.DataObject) -> None:
    check_decoding(data, document)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@given(data=st.data())
@settings(shared, max_examples=10_000)
def test_thousands_of_documents_are_understood_whole_or_not_at_all(document: bytes, data: st.DataObject) -> None:
    check_decoding(data, document)


@given(data=st.data())
@settings(shared, max_examples=25)
async def test_a_reader_gets_what_postgresql_has_whatever_redis_says(unsafe: None, own_names: str, http: Any, two_polls: Any, data: st.DataObject) -> None:
    poll, another = two_polls
    good = a_document(poll)
    raw = data.draw(st.one_of(spoilt(good).map(lambda text: b"%020d" % 9 + text), st.binary(max_size=40), st.just(b"%020d" % 9 + a_document(another))))
    sync_redis().set(results_key(1, poll.pk), raw)
    memory.drop_all()
    answer = await ask("GET", f"/api/v1/polls/{poll.pk}/results")
    assert answer.status == 200
    try:
        believed = ResultsDocument.decode(raw[_VERSION_DIGITS:])
    except (ValueError, KeyError, TypeError):
        believed = None
    if believed is None or believed.poll_id != poll.pk:
        assert (answer.data["poll"], answer.data["title"], answer.data["version"]) == (str(poll.pk), poll.title, 1), raw


@pytest.mark.parametrize("value", ["a list", "a hash"])
async def test_a_key_of_another_kind_is_passed_over(unsafe: None, own_names: str, http: Any, value: str) -> None:
    poll = make_poll()
    key = results_key(1, poll.pk)
    sync_redis().delete(key)
    if value == "a list":
        sync_redis().rpush(key, "x")
    else:
        sync_redis().hset(key, "x", "y")
    memory.drop_all()
    answer = await ask("GET", f"/api/v1/polls/{poll.pk}/results")
    assert (answer.status, answer.data["title"]) == (200, poll.title)


@given(message=st.one_of(st.binary(max_size=60), json_values.map(as_json), st.lists(st.tuples(strange, strange), max_size=3).map(as_json)))
def test_a_message_that_makes_no_sense_says_that_anything_may_have_changed(message: bytes) -> None:
    assert all(type(version) is int for _, version in _changes_in(message))


async def test_the_feed_outlives_messages_that_make_no_sense(unsafe: None, own_names: str, http: Any, caplog: pytest.LogCaptureFixture) -> None:
    from projections import feed  # noqa: PLC0415  (of this loop)

    poll = make_poll()
    running = await feed.startup()
    await until(running.subscribed.is_set)
    for message in (
        b"",
        b"\xff",
        b"[]",
        b"{}",
        b"null",
        b"[1]",
        b"[[1,2]]",
        b'[["x",1]]',
        f'[["{poll.pk}","1"]]'.encode(),
        f'[["{poll.pk}"]]'.encode(),
        b"[" * 3000,
    ):
        await async_redis().publish(changes_channel(1), message)
    await async_redis().publish(changes_channel(1), orjson.dumps([[str(poll.pk), 77]]))
    await until(lambda: memory._told.get(str(poll.pk)) == (1, 77))
    assert running.subscribed.is_set()
    assert "failed and is started again" not in caplog.text


@given(sealed=st.binary(max_size=80))
@settings(shared, max_examples=15)
async def test_a_ticket_that_cannot_be_opened_is_no_ticket(own_names: str, http: Any, sealed: bytes) -> None:
    ticket = "A" * 43
    await async_redis().set(_key(ticket), sealed)
    with pytest.raises(NotAuthenticated):
        await redeem_ticket(ticket, uuid4())
