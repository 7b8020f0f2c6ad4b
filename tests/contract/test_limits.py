"""Votes are limited per client address and per account; void tokens are refused by the lean handlers too."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import httpx
import pytest
from asgiref.sync import sync_to_async
from pytest_django import Settings

from core.accounts.tokens import issue_pair
from tests.contract.operations import Operation, encoded
from tests.factories import make_poll, make_user

CAST = Operation("cast_vote", "POST", "", has_body=True, needs_account=False)


async def test_an_account_has_its_limit_at_whatever_address_and_an_address_its_own(
    http: httpx.AsyncClient, limit_votes: Callable[[str], None], settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    settings.TRUSTED_PROXIES = ["127.0.0.1"]
    limit_votes("3/hour")
    poll = make_poll(voters="open")
    access = issue_pair(make_user()).access

    async def vote(address: str, *, signed_in: bool) -> httpx.Response:
        headers = {"Content-Type": "application/json", "X-Forwarded-For": address} | ({"Authorization": f"Bearer {access}"} if signed_in else {})
        return await http.post(f"/api/v1/polls/{poll.pk}/votes", content=encoded(CAST, poll), headers=headers)

    answers = [await vote(f"192.0.2.{number}", signed_in=True) for number in range(4)]
    assert [answer.status_code for answer in answers] == [201, 201, 201, 429]
    assert answers[2].headers["RateLimit"].startswith('"vote-account";r=0;')
    assert answers[3].json()["type"] == "/problems/rate-limited"
    assert answers[3].headers["RateLimit-Policy"] == '"vote-account";q=3;w=3600'
    assert int(answers[3].headers["Retry-After"]) >= 1
    strangers = [await vote("192.0.2.9", signed_in=False) for _ in range(4)]
    assert [answer.status_code for answer in strangers] == [201, 201, 201, 429]
    assert strangers[3].headers["RateLimit-Policy"] == '"vote";q=3;w=3600'


async def test_after_an_account_was_closed_its_token_is_refused_everywhere(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    poll = make_poll(voters="account", results="owner")
    user = make_user()
    headers = {"Authorization": f"Bearer {(await sync_to_async(issue_pair)(user)).access}"}
    paths = [f"/api/v1/polls/{poll.pk}/{path}" for path in ("votes/mine", "results", "results/timeline", "results.csv")]
    assert {(await http.get(path, headers=headers)).status_code for path in paths} == {403, 404}
    assert (await http.delete("/api/v1/auth/me", headers=headers)).status_code == 204
    assert (await http.get("/api/v1/polls", headers=headers)).status_code == 401
    async with asyncio.timeout(10):
        while {(await http.get(path, headers=headers)).status_code for path in paths} != {401}:  # noqa: ASYNC110  (nobody tells when a process has looked)
            await asyncio.sleep(0.05)
