"""The contract of `…/votes/mine`: seen at once, changed, withdrawn."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
from asgiref.sync import sync_to_async

from commands.models import Poll
from tests.contract.voting import assert_problem, ballot_, make_poll_, send, vote


async def test_my_vote_is_there_at_once_changes_and_goes(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(changeable=True, questions=[{"choices": 3}, {"choices": 2, "min_choices": 0, "kind": "multiple", "max_choices": 2}])
    body = await ballot_(poll, [0], [1, 0])
    cast = await vote(http, poll, body)
    mine = {"X_Voter_Token": cast.headers["X-Voter-Token"], "mine": True}
    standing = await send(http, "GET", poll, **mine)
    assert (standing.status_code, standing.json()) == (200, {k: v for k, v in cast.json().items() if k != "results"} | {"answers": body["answers"]})
    assert (await send(http, "HEAD", poll, **mine)).status_code == 200
    changed = await send(http, "PUT", poll, await ballot_(poll, [2], []), Idempotency_Key="put", **mine)
    assert (changed.status_code, set(changed.json())) == (200, {"id", "poll", "cast_at", "position", "results"})
    assert changed.json()["id"] != cast.json()["id"]
    assert (await send(http, "GET", poll, **mine)).json()["answers"] == [(await ballot_(poll, [2], []))["answers"][0]]
    gone = await send(http, "DELETE", poll, Idempotency_Key="delete", **mine)
    assert (gone.status_code, gone.content) == (204, b"")
    assert (await send(http, "DELETE", poll, Idempotency_Key="delete", **mine)).status_code == 204
    assert_problem(await send(http, "DELETE", poll, **mine), 404, "not-found")
    assert_problem(await send(http, "GET", poll, **mine), 404, "not-found")
    assert_problem(await send(http, "PUT", poll, body, **mine), 404, "not-found")
    replay = await send(http, "PUT", poll, await ballot_(poll, [2], []), Idempotency_Key="put", **mine)
    assert (replay.status_code, replay.json()["id"]) == (200, changed.json()["id"])
    assert_problem(await send(http, "GET", poll, **mine), 404, "not-found")  # the replay undid nothing
    assert (await vote(http, poll, body, X_Voter_Token=mine["X_Voter_Token"])).status_code == 201


async def test_my_vote_in_polls_without_one(http: httpx.AsyncClient) -> None:
    fixed = await make_poll_()
    token = (await vote(http, fixed)).headers["X-Voter-Token"]
    assert_problem(await send(http, "PUT", fixed, await ballot_(fixed), mine=True, X_Voter_Token=token), 409, "vote-not-changeable")
    assert_problem(await send(http, "DELETE", fixed, mine=True, X_Voter_Token=token), 409, "vote-not-changeable")
    assert_problem(await send(http, "GET", fixed, mine=True), 404, "not-found")
    assert_problem(await send(http, "GET", await make_poll_(voters="account"), mine=True), 401, "not-authenticated")
    assert_problem(await send(http, "GET", await make_poll_(voters="open"), mine=True, X_Voter_Token=token), 404, "not-found")
    assert_problem(await send(http, "GET", await make_poll_(voters="ip"), mine=True), 403, "permission-denied")
    changeable = await make_poll_(changeable=True)
    await vote(http, changeable, X_Voter_Token=token)
    await sync_to_async(Poll.objects.filter(id=changeable.id).update)(closes_at=datetime.now(UTC))
    assert_problem(await send(http, "PUT", changeable, await ballot_(changeable), mine=True, X_Voter_Token=token), 409, "poll-not-open")
    assert (await send(http, "GET", changeable, mine=True, X_Voter_Token=token)).status_code == 200


async def test_a_ballot_goes_through_many_revisions_and_each_has_an_id_of_its_own(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(changeable=True, questions=[{"choices": 3}])
    cast = await vote(http, poll)
    token = cast.headers["X-Voter-Token"]
    mine: dict[str, Any] = {"mine": True, "X_Voter_Token": token}
    ids = [cast.json()["id"]]
    for pick in (1, 2, 0):
        body = await ballot_(poll, [pick])
        changed = await send(http, "PUT", poll, body, **mine)
        assert changed.status_code == 200
        assert (await send(http, "GET", poll, **mine)).json()["answers"] == body["answers"]
        assert (await send(http, "DELETE", poll, **mine)).status_code == 204
        assert_problem(await send(http, "GET", poll, **mine), 404, "not-found")
        again = await vote(http, poll, body, X_Voter_Token=token)
        assert again.status_code == 201
        ids += [changed.json()["id"], again.json()["id"]]
    assert len(set(ids)) == 7
    assert_problem(await vote(http, poll, X_Voter_Token=token), 409, "duplicate-vote")


async def test_a_blank_ballot_is_a_ballot_and_a_withdrawal_is_none(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(changeable=True, questions=[{"min_choices": 0}])
    cast = await vote(http, poll, {"answers": []})
    assert cast.status_code == 201
    mine: dict[str, Any] = {"mine": True, "X_Voter_Token": cast.headers["X-Voter-Token"]}
    standing = await send(http, "GET", poll, **mine)
    assert (standing.status_code, standing.json()["answers"]) == (200, [])
    assert_problem(await vote(http, poll, X_Voter_Token=mine["X_Voter_Token"]), 409, "duplicate-vote")
    assert (await send(http, "PUT", poll, await ballot_(poll, [1]), **mine)).status_code == 200
    assert (await send(http, "PUT", poll, await ballot_(poll, []), **mine)).status_code == 200  # back to blank
    assert (await send(http, "DELETE", poll, **mine)).status_code == 204
    assert_problem(await send(http, "GET", poll, **mine), 404, "not-found")
    assert (await vote(http, poll, {"answers": []}, X_Voter_Token=mine["X_Voter_Token"])).status_code == 201


async def test_a_refused_change_leaves_the_ballot_as_it_was(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(changeable=True)
    cast = await vote(http, poll)
    mine: dict[str, Any] = {"mine": True, "X_Voter_Token": cast.headers["X-Voter-Token"]}
    assert_problem(await send(http, "PUT", poll, {"answers": []}, **mine), 400, "validation-error", "#/answers")
    assert (await send(http, "GET", poll, **mine)).json()["id"] == cast.json()["id"]


async def test_nobody_reads_or_changes_another_voters_ballot(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(changeable=True)
    one, other = await vote(http, poll), await vote(http, poll)
    assert (await send(http, "DELETE", poll, mine=True, X_Voter_Token=one.headers["X-Voter-Token"])).status_code == 204
    assert (await send(http, "GET", poll, mine=True, X_Voter_Token=other.headers["X-Voter-Token"])).json()["id"] == other.json()["id"]
    assert_problem(await send(http, "GET", poll, mine=True), 404, "not-found")


async def test_answers_on_ones_own_vote_are_kept_by_no_cache_and_set_no_cookie(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    token = (await vote(http, poll)).headers["X-Voter-Token"]
    answer = await send(http, "GET", poll, mine=True, X_Voter_Token=token)
    assert answer.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in answer.headers
