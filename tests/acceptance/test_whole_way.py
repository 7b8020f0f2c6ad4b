"""A vote's whole way through the real processes: HTTP in, log, relay, RabbitMQ, worker, tallies, HTTP out."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from pytest_django.fixtures import Settings

from commands.models import Poll
from core.embedded.choice import broker_over_redis
from tests.factories import ballot, make_poll
from tests.stack import Stack, running_stack
from tests.waiting import wait_until


@pytest.fixture
def stack(committed_db: None, tmp_path: Path) -> Iterator[Stack]:
    with running_stack(tmp_path) as running:
        wait_until(lambda: _ready(running), seconds=40)
        wait_until(lambda: "ready." in running.log("worker"), seconds=40)
        yield running


def _ready(stack: Stack) -> bool:
    try:
        return httpx.get(f"{stack.url}/readyz").status_code == 200
    except httpx.TransportError:
        assert stack.processes["web"].poll() is None, stack.log("web")
        return False


def results(stack: Stack, poll: Poll, **parameters: str) -> dict[str, Any]:
    answer = httpx.get(f"{stack.url}/api/v1/polls/{poll.id}/results", params=parameters)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def cast(stack: Stack, poll: Poll, body: dict[str, Any], key: str | None = None) -> httpx.Response:
    """One vote of a new voter, sent again with the same key for as long as the answer says or suggests to."""
    key = key or uuid.uuid4().hex

    def attempt() -> httpx.Response | None:
        try:
            answer = httpx.post(f"{stack.url}/api/v1/polls/{poll.id}/votes", json=body, headers={"Idempotency-Key": key})
        except httpx.TransportError:
            return None
        return None if answer.status_code == 503 else answer

    return wait_until(attempt, seconds=30)


def test_a_vote_answered_201_is_in_the_results_and_a_close_makes_them_final(stack: Stack) -> None:
    poll = make_poll(questions=[{"choices": 3}, {"choices": 2, "min_choices": 0}], closes_at=datetime.now(UTC) + timedelta(seconds=8))
    votes = [ballot(poll, [0], [1]), ballot(poll, [0], []), ballot(poll, [2], [0])]
    positions = [cast(stack, poll, body).json()["position"] for body in votes]
    standing = results(stack, poll, after=positions[-1])
    assert standing["includes_after"] is True
    assert standing["ballots"] == 3
    assert [[choice["votes"] for choice in question["choices"]] for question in standing["questions"]] == [[2, 0, 1], [1, 1]]
    assert [question["ballots"] for question in standing["questions"]] == [3, 2]
    assert standing["questions"][0]["choices"][0]["share"] == 0.6667
    assert standing["final"] is False
    last = wait_until(lambda: found if (found := results(stack, poll))["final"] else None, seconds=30)
    assert (last["state"], last["ballots"]) == ("closed", 3)
    assert last["version"] > standing["version"]


def test_without_rabbitmq_votes_travel_over_redis(committed_db: None, tmp_path: Path, settings: Settings) -> None:
    with running_stack(tmp_path, BROKER_URL=broker_over_redis(settings.REDIS_URL)) as stack:
        wait_until(lambda: _ready(stack), seconds=40)
        poll = make_poll()
        position = cast(stack, poll, ballot(poll)).json()["position"]
        found = wait_until(lambda: answer if (answer := results(stack, poll, after=position))["includes_after"] else None, seconds=40)
        assert found["ballots"] == 1


def test_every_vote_answered_201_is_counted_once_although_each_process_is_killed_while_they_arrive(stack: Stack) -> None:
    poll = make_poll(questions=[{"choices": 3}])
    bodies = [ballot(poll, [index]) for index in range(3)]

    def vote(number: int) -> int:
        answer = cast(stack, poll, bodies[number % 3])
        assert answer.status_code == 201, answer.text
        return number % 3

    with ThreadPoolExecutor(8) as pool:
        cast_votes = [pool.submit(vote, number) for number in range(900)]
        for name in ("worker", "relay", "web"):
            seen = sum(future.done() for future in cast_votes)
            wait_until(lambda seen=seen: sum(future.done() for future in cast_votes) >= min(seen + 150, 900), seconds=60)  # type: ignore[misc]
            stack.kill(name)
            stack.start(name)
        answered = [future.result(90) for future in cast_votes]
    expected = [answered.count(index) for index in range(3)]
    wait_until(lambda: results(stack, poll)["ballots"] >= 900, seconds=60)
    final = results(stack, poll)
    assert [choice["votes"] for choice in final["questions"][0]["choices"]] == expected
    assert final["ballots"] == 900
