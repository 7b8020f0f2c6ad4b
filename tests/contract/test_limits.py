"""Votes are limited per client address and per account; void tokens are refused by the lean handlers too."""

from __future__ import annotations

from collections.abc import Callable

import httpx
import pytest
from asgiref.sync import sync_to_async
from pytest_django import Settings

from core.accounts.revocations import revocations
from core.accounts.tokens import issue_pair
from tests.contract.operations import Operation, encoded
from tests.factories import make_poll, make_user
from tests.waiting import until

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
    assert {(await http.get(path, headers=headers)).status_code for path in paths} == {401}, "at once, where it was closed"
    revocations()._done_here.clear()  # as in any other process
    await until(lambda: _all_refused(http, paths, headers))


async def _all_refused(http: httpx.AsyncClient, paths: list[str], headers: dict[str, str]) -> bool:
    return {(await http.get(path, headers=headers)).status_code for path in paths} == {401}


async def test_after_a_password_was_changed_the_old_token_votes_no_more(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    poll, user = make_poll(voters="account"), make_user(password="correct horse battery")
    headers = {"Authorization": f"Bearer {(await sync_to_async(issue_pair)(user)).access}", "Content-Type": "application/json"}
    assert (await http.get(f"/api/v1/polls/{poll.pk}/votes/mine", headers=headers)).status_code == 404
    body = b'{"old_password": "correct horse battery", "new_password": "staple in the stable 9"}'
    changed = await http.post("/api/v1/auth/password/change", content=body, headers=headers)
    assert changed.status_code == 200
    assert (await http.post(f"/api/v1/polls/{poll.pk}/votes", content=encoded(CAST, poll), headers=headers)).status_code == 401
    renewed = headers | {"Authorization": f"Bearer {changed.json()['access']}"}
    assert (await http.post(f"/api/v1/polls/{poll.pk}/votes", content=encoded(CAST, poll), headers=renewed)).status_code == 201


async def test_ids_are_looked_at_before_methods(http: httpx.AsyncClient) -> None:
    for path in ("votes", "votes/mine", "results", "results/stream", "results/ticket", "results/timeline", "results.csv"):
        for method in ("GET", "OPTIONS", "PATCH"):
            for malformed in ("xyz", "1", "ABCDEF00-0000-4000-8000-000000000000", "%00"):
                assert (await http.request(method, f"/api/v1/polls/{malformed}/{path}")).status_code == 404, (method, malformed, path)


async def test_a_poll_that_was_just_deleted_is_gone_whatever_else_is_wrong(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")
    poll = make_poll(voters="account")
    url, owner = f"/api/v1/polls/{poll.pk}/votes", f"Bearer {(await sync_to_async(issue_pair)(poll.owner)).access}"
    assert (await http.post(url, content=b"{}")).status_code == 415  # from now on its rules are in memory
    assert (await http.delete(f"/api/v1/polls/{poll.pk}", headers={"Authorization": owner})).status_code == 204
    for headers in ({"Content-Type": "text/plain"}, {"Content-Type": "application/json"}, {"Content-Type": "application/json", "Authorization": "Bearer x"}):
        assert (await http.post(url, content=b"{", headers=headers)).status_code == 404
    assert (await http.get(f"{url}/mine")).status_code == 404
