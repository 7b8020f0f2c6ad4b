"""Who the voter is: accounts, cookies, header tokens, keys, and polls where anybody votes."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from commands.tokens import VoterToken
from tests.contract.voting import KEY, SHORT_KEY, assert_problem, ballot_, bearer, make_poll_, make_user_, send, vote


async def test_the_same_voter_again_is_a_duplicate_by_header_and_by_cookie(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    token = (await vote(http, poll)).headers["X-Voter-Token"]
    assert_problem(await vote(http, poll, X_Voter_Token=token), 409, "duplicate-vote")
    assert_problem(await vote(http, poll, Cookie=f"other=1; nexus_voter={token}"), 409, "duplicate-vote")
    assert (await vote(http, poll, Cookie="nexus_voter=nonsense")).status_code == 201
    assert_problem(await vote(http, poll, X_Voter_Token="nonsense"), 401, "not-authenticated")


async def test_the_header_wins_over_the_cookie(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    voted = (await vote(http, poll)).headers["X-Voter-Token"]
    fresh = VoterToken.fresh().seal()
    assert (await vote(http, poll, X_Voter_Token=fresh, Cookie=f"nexus_voter={voted}")).headers["X-Voter-Token"] == fresh
    assert_problem(await vote(http, poll, X_Voter_Token=voted, Cookie=f"nexus_voter={VoterToken.fresh().seal()}"), 409, "duplicate-vote")
    assert_problem(await vote(http, poll, X_Voter_Token="nonsense", Cookie=f"nexus_voter={voted}"), 401, "not-authenticated")


async def test_a_bad_cookie_is_replaced_by_a_good_one(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    answer = await vote(http, poll, Cookie="nexus_voter=forged")
    assert answer.status_code == 201
    assert_problem(await vote(http, poll, Cookie=answer.headers["Set-Cookie"].split(";")[0]), 409, "duplicate-vote")


async def test_one_token_serves_in_every_session_poll(http: httpx.AsyncClient) -> None:
    token = (await vote(http, await make_poll_())).headers["X-Voter-Token"]
    again = await vote(http, await make_poll_(), X_Voter_Token=token)
    assert (again.status_code, again.headers["X-Voter-Token"]) == (201, token)


@pytest.mark.parametrize("cookie", ["", "nexus_voter=forged"])
async def test_a_keyed_retry_without_a_cookie_is_the_same_voter(http: httpx.AsyncClient, cookie: str) -> None:
    """The first answer, and the cookie it set, were lost."""
    poll = await make_poll_()
    first, again = [await vote(http, poll, Idempotency_Key=KEY, Cookie=cookie) for _ in range(2)]
    assert (again.status_code, again.json()) == (201, first.json())
    assert_problem(await vote(http, poll, X_Voter_Token=again.headers["X-Voter-Token"]), 409, "duplicate-vote")
    assert_problem(await vote(http, poll, X_Voter_Token=first.headers["X-Voter-Token"]), 409, "duplicate-vote")
    mine = await send(http, "GET", poll, mine=True, X_Voter_Token=again.headers["X-Voter-Token"])
    assert mine.json()["id"] == first.json()["id"]


async def test_22_characters_make_a_voter_and_21_do_not(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    long, again = [await vote(http, poll, Idempotency_Key=SHORT_KEY + "x") for _ in range(2)]
    assert again.json() == long.json()
    short, another = [await vote(http, poll, Idempotency_Key=SHORT_KEY) for _ in range(2)]
    assert short.json()["id"] != another.json()["id"]
    token = short.headers["X-Voter-Token"]
    known = await vote(http, poll, Idempotency_Key=SHORT_KEY, X_Voter_Token=token)  # of a voter who is known, a short key is a key like any other
    assert (known.status_code, known.json()) == (201, short.json())


async def test_a_key_that_leaked_in_one_poll_is_worth_nothing_in_another(http: httpx.AsyncClient) -> None:
    here, there = await make_poll_(), await make_poll_(changeable=True)
    token = (await vote(http, here, Idempotency_Key=KEY)).headers["X-Voter-Token"]
    assert (await vote(http, there, X_Voter_Token=token)).status_code == 201
    thief = await vote(http, here, Idempotency_Key=KEY)
    assert_problem(await send(http, "GET", there, mine=True, X_Voter_Token=thief.headers["X-Voter-Token"]), 404, "not-found")


async def test_an_account_is_one_voter_whatever_else_it_sends_and_gets_no_voter_cookie(http: httpx.AsyncClient) -> None:
    poll, user = await make_poll_(voters="account"), await bearer(await make_user_())
    answer = await vote(http, poll, Authorization=user)
    assert answer.status_code == 201
    assert "Set-Cookie" not in answer.headers
    assert "X-Voter-Token" not in answer.headers
    assert_problem(await vote(http, poll, Authorization=user, X_Voter_Token=VoterToken.fresh().seal()), 409, "duplicate-vote")
    assert_problem(await vote(http, poll, X_Voter_Token=VoterToken.fresh().seal()), 401, "not-authenticated")
    mine = await send(http, "GET", poll, mine=True, Authorization=user)
    assert mine.json()["id"] == answer.json()["id"]


async def test_a_refused_token_is_not_confused_with_a_missing_one(http: httpx.AsyncClient) -> None:
    answer = await vote(http, await make_poll_(voters="account"))
    assert_problem(answer, 401, "not-authenticated")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer")


async def test_in_open_polls_anybody_votes_as_often_as_they_like(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(voters="open")
    token = (await vote(http, poll)).headers["X-Voter-Token"]
    ids = {(await vote(http, poll, X_Voter_Token=token)).json()["id"] for _ in range(3)}
    assert len(ids) == 3


async def test_in_open_polls_a_retry_with_a_strong_key_is_the_same_vote(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(voters="open")
    first, again = [await vote(http, poll, Idempotency_Key=KEY) for _ in range(2)]
    assert again.json() == first.json()
    token = first.headers["X-Voter-Token"]
    second, again = [await vote(http, poll, Idempotency_Key=KEY + "-2", X_Voter_Token=token) for _ in range(2)]
    assert second.json() == again.json() != first.json()
    assert_problem(await vote(http, poll, await ballot_(poll, [1]), Idempotency_Key=KEY), 422, "idempotency-key-reused")
    short = {(await vote(http, poll, Idempotency_Key=SHORT_KEY)).json()["id"] for _ in range(2)}
    assert len(short) == 2


@pytest.mark.parametrize("voters", ["session", "open", "account"])
async def test_no_answer_says_who_voted(http: httpx.AsyncClient, voters: str) -> None:
    user: Any = await make_user_()
    answer = await vote(http, await make_poll_(voters=voters), Authorization=await bearer(user))
    assert answer.status_code == 201
    assert user.username not in answer.text + str(answer.headers)
    assert str(user.id) not in answer.text + str(answer.headers)
