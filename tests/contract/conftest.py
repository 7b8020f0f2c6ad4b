"""Fixtures for tests of the contract: a client that speaks JSON as somebody, and votes without a server."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import httpx
import orjson
import pytest
import pytest_asyncio
from django.db import connection
from django.test import Client
from pytest_django import Settings

from commands.models import Poll
from core.accounts.models import User
from core.accounts.tokens import issue_pair
from core.limits import auth_limit, code_limit, vote_limit
from tests.factories import make_user

TWO_CHOICES = [{"text": "Tea"}, {"text": "Coffee"}]


class Api:
    """Speaks JSON to Django, as a user (by access token) or as nobody. Answers carry their body as `.data`."""

    def __init__(self, user: User | None = None) -> None:
        self.user = user
        self._client = Client(raise_request_exception=False, enforce_csrf_checks=True)
        self._headers = {} if user is None else {"Authorization": f"Bearer {issue_pair(user).access}"}

    def call(
        self, method: str, path: str, body: Any = None, *, headers: dict[str, str] | None = None, raw: bytes | None = None, media: str = "application/json"
    ) -> Any:
        path = path if path.startswith("/") else f"/api/v1/{path}"
        content = raw if raw is not None else b"" if body is None else orjson.dumps(body)
        answer: Any = self._client.generic(method, path, content, content_type=media, headers={**self._headers, **(headers or {})})
        answer.data = orjson.loads(answer.content) if answer.content and "json" in answer.get("Content-Type", "") else None
        return answer

    def get(self, path: str, **options: Any) -> Any:
        return self.call("GET", path, **options)

    def post(self, path: str, body: Any = None, **options: Any) -> Any:
        return self.call("POST", path, body, **options)

    def patch(self, path: str, body: Any) -> Any:
        return self.call("PATCH", path, body)

    def delete(self, path: str) -> Any:
        return self.call("DELETE", path)

    def make_poll(self, **fields: Any) -> dict[str, Any]:
        answer = self.post("polls", poll_body(**fields))
        assert answer.status_code == 201, answer.data
        poll: dict[str, Any] = answer.data
        return poll


def poll_body(**fields: Any) -> dict[str, Any]:
    return {"title": "Tea or coffee?", "questions": [{"text": "Which?", "choices": TWO_CHOICES}]} | fields


def assert_problem(answer: Any, status: int, kind: str, *pointers: str) -> dict[str, Any]:
    """The answer is this problem, whole and well formed; with `pointers` exactly these stand in its errors."""
    assert answer.status_code == status, answer.content
    assert answer["Content-Type"] == "application/problem+json"
    problem: dict[str, Any] = answer.data
    assert problem["type"] == f"/problems/{kind}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"].startswith("/")
    assert ("errors" in problem) == (kind == "validation-error")
    if pointers:
        assert sorted(fault["pointer"] for fault in problem["errors"]) == sorted(pointers)
        assert all(fault["detail"] and fault["code"] for fault in problem["errors"])
    return problem


def put_a_vote(poll_id: str) -> None:
    """A row in the log, as the committer would write it."""
    choice = str(Poll.objects.get(pk=poll_id).questions.all()[0].choices.all()[0].pk)
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO votes (epoch, poll_id, voter_key, revision, choices, receipt, request_key, request_digest, cast_at)"
            " VALUES (1, %s, %s, 1, %s::uuid[], %s, %s, %s, clock_timestamp())",
            [poll_id, uuid.uuid4(), [choice], uuid.uuid4(), uuid.uuid4(), uuid.uuid4()],
        )


@pytest.fixture
def unlimited(settings: Settings) -> Iterator[None]:
    settings.AUTH_RATE_LIMIT = "off"
    auth_limit.cache_clear()
    yield
    auth_limit.cache_clear()


@pytest.fixture
def owner(committed_db: None) -> Api:
    return Api(make_user("olga"))


@pytest.fixture
def stranger(committed_db: None) -> Api:
    return Api(make_user("sam"))


@pytest.fixture
def staff(committed_db: None) -> Api:
    return Api(make_user("stefa", is_staff=True))


@pytest.fixture
def anybody(committed_db: None) -> Api:
    return Api()


@pytest_asyncio.fixture
async def http(committed_db: None, settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application, started as a server starts it; cookies are sent only where a test says so. Without rate limits."""
    from commands import intake  # noqa: PLC0415
    from core.asgi import application  # noqa: PLC0415  (sets Django up)
    from projections import feed  # noqa: PLC0415

    settings.VOTE_RATE_LIMIT = "off"
    forget_limits()
    await intake.startup()
    await feed.startup()
    transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client
    await feed.shutdown()
    await intake.shutdown()
    forget_limits()


def forget_limits() -> None:
    vote_limit.cache_clear()
    code_limit.cache_clear()


@pytest.fixture
def limit_votes(settings: Settings) -> Callable[[str], None]:
    """Sets the limit of votes per address, with nothing taken from it yet."""

    def to(rate: str) -> None:
        settings.REDIS_PREFIX = f"test-{uuid.uuid4().hex}"
        settings.VOTE_RATE_LIMIT = rate
        forget_limits()

    return to
