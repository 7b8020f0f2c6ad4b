"""Sends votes over HTTP and reads what comes back."""

from __future__ import annotations

from typing import Any

import httpx
import orjson
from asgiref.sync import sync_to_async

from commands.models import Poll
from core.accounts.models import User
from core.accounts.tokens import issue_pair
from tests.factories import ballot, choice_ids, make_poll, make_user

KEY = "0123456789abcdefghijkl-strong"
SHORT_KEY = "twenty-one-characters"
make_poll_ = sync_to_async(make_poll)
ballot_ = sync_to_async(ballot)
choice_ids_ = sync_to_async(choice_ids)
make_user_ = sync_to_async(make_user)


async def send(
    http: httpx.AsyncClient, method: str, poll: Any, body: Any = None, *, mine: bool = False, raw: bytes | None = None, **headers: str
) -> httpx.Response:
    http.cookies.clear()
    content = raw if raw is not None else None if body is None else orjson.dumps(body)
    sent = {"Content-Type": "application/json"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return await http.request(
        method,
        f"/api/v1/polls/{getattr(poll, 'id', poll)}/votes{'/mine' if mine else ''}",
        content=content,
        headers=[(name.encode(), value.encode("latin-1")) for name, value in sent.items() if value],
    )


async def vote(http: httpx.AsyncClient, poll: Any, body: Any = None, **options: Any) -> httpx.Response:
    return await send(http, "POST", poll, await ballot_(poll) if body is None else body, **options)


def assert_problem(answer: httpx.Response, status: int, kind: str, *pointers: str) -> None:
    problem = answer.json()
    assert (answer.status_code, problem["type"], problem["status"]) == (status, f"/problems/{kind}", status), problem
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"] == answer.request.url.path
    assert [error["pointer"] for error in problem.get("errors", [])] == list(pointers)


async def bearer(user: User) -> str:
    return f"Bearer {(await sync_to_async(issue_pair)(user)).access}"


async def change(poll: Poll, **fields: Any) -> None:
    """Moves the poll's row behind the handlers' back, as passing time would."""
    await sync_to_async(Poll.objects.filter(id=poll.id).update)(**fields)
