"""Votes leave nothing behind for the collector of garbage, whatever comes of them: nobody can make it come, and everybody wait, by sending many."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from django.db.models import Model

from core.limits import vote_limit
from tests.both_ways import HANDED_OVER, LONG, SHORT, Vote, Ways
from tests.factories import ballot, make_poll
from tests.security.conftest import Running
from tests.waiting import until

OURS = {"core", "commands", "projections", "uvicorn", "httptools"}
TIMES = 5


@pytest.fixture
def kept() -> Iterator[None]:
    """What the collector finds is kept in `gc.garbage`, and it comes only when called."""
    gc.collect()
    gc.disable()
    gc.set_debug(gc.DEBUG_SAVEALL)
    yield
    gc.set_debug(0)
    gc.garbage.clear()
    gc.enable()


def of_ours() -> list[str]:
    gc.collect()
    ours = (one for one in gc.garbage if isinstance(one, BaseException) or type(one).__module__.partition(".")[0] in OURS)
    found = [repr(one)[:200] for one in ours if not isinstance(one, Model)]  # those are the test's
    gc.garbage.clear()
    return found


def request(poll: Any, body: bytes, *headers: str) -> bytes:
    lines = [f"POST /api/v1/polls/{poll.id}/votes HTTP/1.1", "Host: localhost", "Content-Type: application/json", f"Content-Length: {len(body)}", *headers]
    return "\r\n".join([*lines, "Connection: close", "", ""]).encode() + body


@pytest.mark.parametrize(
    ("expected", "headers", "broken"),
    [
        (201, [], b""),
        (422, ["Idempotency-Key: the-same-for-all-of-them-and-as-long-as-it-has-to-be"], b""),
        (400, [], b"{"),
        (401, ["X-Voter-Token: not one of ours"], b""),
        (401, ["Authorization: Bearer a.b.c"], b""),
        (403, ["Origin: https://elsewhere.example"], b""),
    ],
)
async def test_a_vote_leaves_none(running: Running, kept: None, expected: int, headers: list[str], broken: bytes) -> None:
    poll = make_poll()
    first, other = (orjson.dumps(ballot(poll, [index])) for index in range(2))
    await running.ask(request(poll, first, *headers))  # what is made once and kept does not count
    of_ours()
    statuses = {int((await running.ask(request(poll, broken or other, *headers)))[9:12]) for _ in range(TIMES)}
    assert statuses == {expected}
    assert of_ours() == []


async def test_nor_does_a_second_one(running: Running, kept: None) -> None:
    poll = make_poll()
    body = orjson.dumps(ballot(poll))
    head, _, _ = (await running.ask(request(poll, body))).partition(b"\r\n\r\n")
    (token,) = [line.partition(b": ")[2].decode() for line in head.split(b"\r\n") if line.startswith(b"x-voter-token")]
    of_ours()
    for _ in range(TIMES):
        assert (await running.ask(request(poll, body, f"X-Voter-Token: {token}"))).startswith(b"HTTP/1.1 409")
    assert of_ours() == []


@pytest.mark.parametrize(
    ("expected", "rate", "way"),
    [(201, "off", SHORT), (201, "1000/second", SHORT), (409, "off", HANDED_OVER), (429, "1/day", HANDED_OVER), (503, "5/day", HANDED_OVER), (400, "off", LONG)],
)
async def test_nor_does_one_that_comes_whole(
    running: Running, settings: Any, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest, *, expected: int, rate: str, way: str
) -> None:
    async def away(_takes: Any) -> Any:
        raise ConnectionRefusedError

    settings.VOTE_RATE_LIMIT, settings.RATE_LIMIT_FAIL_OPEN = rate, False
    vote_limit.cache_clear()
    if expected == 503:
        monkeypatch.setattr("core.limits.run_takes", away)
    ways = Ways(running, monkeypatch)
    poll, wire = await ways.at_hand(voters="ip" if expected == 409 else "session"), await running.wire()
    vote = Vote(poll, ballot(poll), raw=b'{"answers": 1}' if expected == 400 else None)
    await ways.send(vote, wire=wire)
    request.getfixturevalue("kept")
    of_ours()
    assert [(answer.status, went) for answer, went in [await ways.send(vote, wire=wire) for _ in range(TIMES)]] == [(expected, way)] * TIMES
    wire.writer.close()
    await until(lambda: not running.server.server_state.connections)
    vote_limit.cache_clear()
    assert of_ours() == []
