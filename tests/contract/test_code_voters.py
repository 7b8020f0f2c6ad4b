"""Voting with a code: known however it is typed, good once, never said again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from asgiref.sync import sync_to_async

from commands.codes import new_codes
from commands.engine import engine
from commands.issuing import issue_codes
from commands.models import Poll
from core.errors import Unavailable
from tests.contract.voting import KEY, assert_problem, ballot_, change, make_poll_, make_user_, send, vote


async def code_poll(count: int = 1, **fields: Any) -> tuple[Poll, list[str]]:
    owner = await make_user_()
    poll = await make_poll_(owner=owner, voters="code", **fields)
    return poll, await sync_to_async(issue_codes)(poll_id=poll.id, actor=owner, body={"count": count})


async def vote_with(http: httpx.AsyncClient, poll: Poll, code: object, *picks: list[int], **headers: str) -> httpx.Response:
    return await vote(http, poll, {**await ballot_(poll, *picks), "code": code}, **headers)


async def test_a_code_votes_once_and_gets_no_cookie(http: httpx.AsyncClient) -> None:
    poll, (code, other) = await code_poll(2)
    answer = await vote_with(http, poll, code)
    assert answer.status_code == 201
    assert "Set-Cookie" not in answer.headers
    assert "X-Voter-Token" not in answer.headers
    assert_problem(await vote_with(http, poll, code), 409, "duplicate-vote")
    assert (await vote_with(http, poll, other)).status_code == 201


@pytest.mark.parametrize(
    "typed",
    [
        str.lower,
        lambda code: code.replace("-", ""),
        lambda code: code.replace("-", " "),
        lambda code: " " + code.replace("-", " \u2013 "),
        lambda code: code.replace("0", "o").replace("1", "l"),
    ],
)
async def test_case_spaces_and_dashes_do_not_matter(http: httpx.AsyncClient, typed: Callable[[str], str]) -> None:
    poll, (code,) = await code_poll()
    assert (await vote_with(http, poll, typed(code))).status_code == 201
    assert_problem(await vote_with(http, poll, code), 409, "duplicate-vote")


@pytest.mark.parametrize("code", [None, "", "nonsense", 7, [], {}, "x" * 100_000, "U" * 16, new_codes(1)[0]])
async def test_a_missing_or_unknown_code_is_403_and_is_not_said_again(http: httpx.AsyncClient, code: object) -> None:
    poll, _ = await code_poll()
    answer = await vote_with(http, poll, code)
    assert_problem(answer, 403, "permission-denied")
    assert not isinstance(code, str) or not code or code not in answer.text
    assert_problem(await vote(http, poll), 403, "permission-denied")


async def test_a_code_is_good_in_its_own_poll_only(http: httpx.AsyncClient) -> None:
    _, (code,) = await code_poll()
    poll, _ = await code_poll()
    assert_problem(await vote_with(http, poll, code), 403, "permission-denied")


async def test_a_code_that_was_refused_votes_once_it_is_handed_out(http: httpx.AsyncClient) -> None:
    """Nothing is remembered of a code that was none."""
    poll, _ = await code_poll()
    assert_problem(await vote_with(http, poll, new_codes(1)[0]), 403, "permission-denied")
    (code,) = await sync_to_async(issue_codes)(poll_id=poll.id, actor=await sync_to_async(lambda: poll.owner)(), body={"count": 1})
    assert (await vote_with(http, poll, code)).status_code == 201


async def test_a_keyed_retry_is_the_first_vote_however_the_code_is_spelt(http: httpx.AsyncClient) -> None:
    poll, (code, other) = await code_poll(2)
    first = await vote_with(http, poll, code, Idempotency_Key="k")
    assert (await vote_with(http, poll, code.lower().replace("-", ""), Idempotency_Key="k")).json() == first.json()
    assert (await vote(http, poll, X_Voter_Code=code, Idempotency_Key="k")).json() == first.json()
    assert_problem(await vote_with(http, poll, code, [1], Idempotency_Key="k"), 422, "idempotency-key-reused")
    assert (await vote_with(http, poll, other, Idempotency_Key="k")).json()["id"] != first.json()["id"]
    await change(poll, closes_at=datetime.now(UTC))
    assert (await vote_with(http, poll, code, Idempotency_Key="k")).json() == first.json()
    assert_problem(await vote_with(http, poll, code, Idempotency_Key="other"), 409, "poll-not-open")


async def test_a_strong_key_is_no_code(http: httpx.AsyncClient) -> None:
    poll, _ = await code_poll()
    assert_problem(await vote(http, poll, Idempotency_Key=KEY), 403, "permission-denied")


async def test_my_vote_by_the_header_and_for_put_in_the_body_too(http: httpx.AsyncClient) -> None:
    poll, (code, unused) = await code_poll(2, changeable=True)
    mine: dict[str, Any] = {"mine": True, "X_Voter_Code": code.lower()}
    cast = await vote_with(http, poll, code)
    assert (await send(http, "GET", poll, **mine)).json()["id"] == cast.json()["id"]
    assert (await send(http, "PUT", poll, await ballot_(poll, [1]), **mine)).status_code == 200
    body = {**await ballot_(poll, [0]), "code": code}
    assert (await send(http, "PUT", poll, body, mine=True)).status_code == 200
    assert (await send(http, "PUT", poll, body, **mine)).status_code == 200
    assert_problem(await send(http, "PUT", poll, body, mine=True, X_Voter_Code=unused), 403, "permission-denied")  # whose ballot was meant?
    assert (await send(http, "DELETE", poll, **mine)).status_code == 204
    assert_problem(await send(http, "GET", poll, **mine), 404, "not-found")
    assert (await vote_with(http, poll, code)).status_code == 201
    for method, sent in (("GET", None), ("PUT", await ballot_(poll)), ("DELETE", None)):
        assert_problem(await send(http, method, poll, sent, mine=True, X_Voter_Code=unused), 404, "not-found")
        assert_problem(await send(http, method, poll, sent, mine=True), 403, "permission-denied")
        assert_problem(await send(http, method, poll, sent, mine=True, X_Voter_Code=new_codes(1)[0]), 403, "permission-denied")


async def test_results_after_the_vote_are_for_codes_that_voted(http: httpx.AsyncClient) -> None:
    poll, (code, unused) = await code_poll(2, results="after_vote")
    path = f"/api/v1/polls/{poll.id}/results"
    assert (await vote_with(http, poll, code)).status_code == 201
    assert (await http.get(path, headers={"X-Voter-Code": code.lower()})).status_code == 200
    for other in ({}, {"X-Voter-Code": unused}, {"X-Voter-Code": "nonsense"}, {"X-Voter-Code": new_codes(1)[0]}):
        answer = await http.get(path, headers=other)
        assert_problem(answer, 403, "permission-denied")
    assert_problem(await http.get(f"{path}?code={code}"), 403, "permission-denied")  # never a credential in a URL


async def test_credentials_come_before_everything_that_follows(http: httpx.AsyncClient) -> None:
    poll, (code,) = await code_poll()
    await change(poll, closes_at=datetime.now(UTC))
    assert_problem(await vote(http, poll, {}), 403, "permission-denied")
    assert_problem(await vote(http, poll, {"code": new_codes(1)[0]}), 403, "permission-denied")
    assert_problem(await vote(http, poll, {"code": code}), 409, "poll-not-open")
    await change(poll, closes_at=None, rules_version=2)
    assert_problem(await vote(http, poll, {"code": code}), 400, "validation-error", "#/answers")


async def test_an_unknown_code_is_403_even_where_the_rate_limit_is_used_up(http: httpx.AsyncClient, limit_votes: Callable[[str], None]) -> None:
    poll, (code, other) = await code_poll(2)
    limit_votes("1/hour")
    assert (await vote_with(http, poll, code)).status_code == 201
    assert_problem(await vote_with(http, poll, new_codes(1)[0]), 403, "permission-denied")
    assert_problem(await vote_with(http, poll, other), 429, "rate-limited")


async def test_whoever_guesses_on_is_not_looked_up_any_more(
    http: httpx.AsyncClient, limit_votes: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    poll, (code,) = await code_poll()
    limit_votes("3/hour")
    for guess in new_codes(3):
        assert_problem(await vote_with(http, poll, guess), 403, "permission-denied")
    assert_problem(await vote_with(http, poll, new_codes(1)[0]), 429, "rate-limited")

    async def unasked(*_: object) -> bool:
        raise Unavailable("a further code was looked up")

    monkeypatch.setattr(engine().lookups, "is_code", unasked)
    for guess in (*new_codes(2), code):
        answer = await vote_with(http, poll, guess)
        assert_problem(answer, 429, "rate-limited")
        assert int(answer.headers["Retry-After"]) > 0
        assert answer.headers["RateLimit-Policy"] == '"code";q=3;w=3600'
        assert answer.headers["RateLimit"] == f'"code";r=0;t={answer.headers["Retry-After"]}'
    assert_problem(await vote_with(http, poll, "nonsense"), 403, "permission-denied")  # costs nothing


async def test_codes_are_in_no_log(http: httpx.AsyncClient, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level("DEBUG")
    poll, (code,) = await code_poll()
    for typed in (code, code, new_codes(1)[0]):
        await vote_with(http, poll, typed)
        assert typed not in caplog.text
        assert typed.replace("-", "") not in caplog.text


async def test_who_votes_is_judged_by_the_rules_of_now(http: httpx.AsyncClient) -> None:
    """A session voter must not slip in on rules that a process remembers from before the poll asked for codes."""
    poll = await make_poll_()
    assert (await vote(http, poll)).status_code == 201
    await change(poll, voters="code", rules_version=2)
    assert_problem(await vote(http, poll), 403, "permission-denied")
