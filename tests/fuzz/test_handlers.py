"""Whatever comes to the lean handlers, and to the paths around them: an answer of ours, never a failure, and a good vote afterwards passes as before."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import orjson
import pytest
import pytest_asyncio
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from tests.contract.conftest import http
from tests.factories import ballot, make_poll, make_user
from tests.fuzz.requests import Odd, requests, send

__all__ = ["http"]
PER_EXAMPLE = 12
shared = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.large_base_example],
    phases=(Phase.explicit, Phase.reuse, Phase.generate),
)  # the failing request is shown as it is


@dataclass
class Target:
    """Polls of every kind of voter and visibility, their addresses, and a body that the first takes."""

    paths: tuple[str, ...]
    good: bytes
    poll: str


@pytest_asyncio.fixture
async def target(http: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> AsyncIterator[Target]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs
    owner = make_user()
    polls = [
        make_poll(owner=owner, voters=voters, results=results, changeable=changeable)
        for voters, results, changeable in (
            ("open", "always", False),
            ("session", "after_vote", True),
            ("code", "owner", False),
            ("ip", "always", True),
            ("account", "after_close", True),
        )
    ]
    rests = ("votes", "votes/mine", "results", "results/stream", "results/ticket", "results/timeline", "results.csv", "results.json")
    target = Target(tuple(f"/api/v1/polls/{poll.pk}/{rest}" for poll in polls for rest in rests), orjson.dumps(ballot(polls[0])), str(polls[0].pk))
    yield target
    assert not [record for record in caplog.records if record.exc_info and record.levelname in {"ERROR", "CRITICAL"}], caplog.text
    for _ in range(3):
        status, _, body = await send(Odd("POST", f"/api/v1/polls/{target.poll}/votes", headers=[(b"content-type", b"application/json")], body=target.good))
        assert status == 201, body
    assert (await send(Odd("GET", f"/api/v1/polls/{target.poll}/results")))[0] == 200


async def assert_answered(odd: Odd) -> None:
    status, headers, body = await send(odd)
    assert 200 <= status < 500, (odd, body)
    if status >= 400 and odd.method != "HEAD" and odd.path.startswith("/api/"):
        assert headers[b"content-type"] == b"application/problem+json", odd
        assert orjson.loads(body)["status"] == status, odd
    assert headers[b"x-content-type-options"] == b"nosniff", odd


async def fuzz(data: st.DataObject, target: Target) -> None:
    strategy = requests(target.paths, target.good)
    for odd in data.draw(st.lists(strategy, min_size=PER_EXAMPLE, max_size=PER_EXAMPLE)):
        await assert_answered(odd)


@given(data=st.data())
@settings(shared, max_examples=25)
async def test_odd_requests_are_answered(target: Target, data: st.DataObject) -> None:
    await fuzz(data, target)


@pytest.mark.slow
@pytest.mark.timeout(1800)
@given(data=st.data())
@settings(shared, max_examples=600)
async def test_thousands_of_odd_requests_are_answered(target: Target, data: st.DataObject) -> None:
    await fuzz(data, target)


ODDITIES = [
    Odd("GET", "{results}", headers=[(b"origin", b"http://[")]),
    Odd("POST", "{votes}", headers=[(b"origin", b"http://[::1"), (b"content-type", b"application/json")], body=b"{}"),
    Odd("POST", "{votes}", headers=[(b"content-length", b"9" * 5000), (b"content-type", b"application/json")], body=b"{}"),
    Odd("GET", "{mine}", headers=[(b"cookie", b'sessionid="\\000abc"')]),
    Odd("POST", "{ticket}", headers=[(b"cookie", b'sessionid="\\000abc"')]),
    Odd("GET", "/", headers=[(b"cookie", b'sessionid="\\000' + b"a" * 31 + b'"')]),
    Odd("GET", "/admin/login/", headers=[(b"cookie", b'sessionid="\\377"; csrftoken="\\000"; messages="\\000"')]),
    Odd("GET", "{results}", query=b"after=" + b"A" * 70),
    Odd("GET", "{stream}", headers=[(b"last-event-id", b"9" * 18)]),
    Odd("GET", "{results}", headers=[(b"if-none-match", b'"999999999.999999999999999999.open"')]),
]


async def test_what_was_once_a_failure_is_an_answer(target: Target) -> None:
    base = f"/api/v1/polls/{target.poll}"
    places = {
        "results": f"{base}/results",
        "votes": f"{base}/votes",
        "mine": f"{base}/votes/mine",
        "ticket": f"{base}/results/ticket",
        "stream": f"{base}/results/stream",
    }
    for odd in ODDITIES:
        await assert_answered(Odd(odd.method, odd.path.format(**places), odd.query, odd.headers, odd.body))
