"""The same request again: what a key promises, and what it does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import httpx
import orjson

from tests.contract.voting import KEY, assert_problem, ballot_, bearer, change, make_poll_, make_user_, send, vote


async def test_a_repeated_key_repeats_the_answer_and_another_body_is_422(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    first, again = [await vote(http, poll, Idempotency_Key=KEY) for _ in range(2)]
    assert (again.status_code, again.json()) == (201, first.json())
    assert_problem(await vote(http, poll, await ballot_(poll, [1]), Idempotency_Key=KEY), 422, "idempotency-key-reused")
    for bad in ("with space", "x" * 256, "café"):
        assert_problem(await send(http, "POST", poll, {}, Idempotency_Key=bad), 400, "bad-request")


async def test_the_same_json_value_is_the_same_body_however_it_is_written(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(questions=[{"choices": 3}, {"choices": 3, "kind": "multiple", "max_choices": 2}])
    body = await ballot_(poll, [0], [1, 0])
    first = await vote(http, poll, body, Idempotency_Key=KEY)
    answers = [dict(reversed(answer.items())) for answer in reversed(body["answers"])]
    spaced = orjson.dumps({"answers": answers}, option=orjson.OPT_INDENT_2)
    assert (await send(http, "POST", poll, raw=spaced, Idempotency_Key=KEY)).json() == first.json()
    assert (await send(http, "POST", poll, raw=spaced, Content_Type="application/json; charset=utf-8", Idempotency_Key=KEY)).json() == first.json()
    assert_problem(await vote(http, poll, await ballot_(poll, [0], [0, 1]), Idempotency_Key=KEY), 422, "idempotency-key-reused")
    assert_problem(await vote(http, poll, {**body, "more": 1}, Idempotency_Key=KEY), 422, "idempotency-key-reused")


async def test_replay_comes_before_the_close_and_before_faults(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    first = await vote(http, poll, Idempotency_Key=KEY)
    await change(poll, closes_at=datetime.now(UTC))
    assert (await vote(http, poll, Idempotency_Key=KEY)).json() == first.json()
    assert_problem(await vote(http, poll, {}, Idempotency_Key=KEY), 422, "idempotency-key-reused")
    assert_problem(await vote(http, poll, Idempotency_Key=KEY + "-other"), 409, "poll-not-open")


async def test_refusals_are_not_remembered(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(opens_at=datetime(2100, 1, 1, tzinfo=UTC))
    assert_problem(await vote(http, poll, Idempotency_Key=KEY), 409, "poll-not-open")
    await change(poll, opens_at=None, rules_version=2)
    assert_problem(await vote(http, poll, {"answers": []}, Idempotency_Key=KEY), 400, "validation-error", "#/answers")
    cast = await vote(http, poll, Idempotency_Key=KEY)  # the same key, and another body than the refused one
    assert cast.status_code == 201
    token = cast.headers["X-Voter-Token"]
    assert_problem(await vote(http, poll, Idempotency_Key="other", X_Voter_Token=token), 409, "duplicate-vote")
    assert_problem(await vote(http, poll, {}, Idempotency_Key="other", X_Voter_Token=token), 400, "validation-error", "#/answers")


async def test_a_key_is_one_voters_in_one_poll(http: httpx.AsyncClient) -> None:
    poll, other = await make_poll_(voters="account"), await make_poll_(voters="account")
    one, two = await bearer(await make_user_()), await bearer(await make_user_())
    ids = {(await vote(http, where, Authorization=who, Idempotency_Key=KEY)).json()["id"] for where in (poll, other) for who in (one, two)}
    assert len(ids) == 4


async def test_a_retried_put_replays_with_200_and_never_undoes_a_later_one(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(changeable=True, questions=[{"choices": 3}])
    mine: dict[str, Any] = {"mine": True, "X_Voter_Token": (await vote(http, poll)).headers["X-Voter-Token"]}
    lost = await send(http, "PUT", poll, await ballot_(poll, [1]), Idempotency_Key="put-1", **mine)
    later = await send(http, "PUT", poll, await ballot_(poll, [2]), Idempotency_Key="put-2", **mine)
    again = await send(http, "PUT", poll, await ballot_(poll, [1]), Idempotency_Key="put-1", **mine)
    assert (again.status_code, again.json()) == (200, lost.json())
    assert (await send(http, "GET", poll, **mine)).json()["id"] == later.json()["id"]
    await change(poll, closes_at=datetime.now(UTC))
    again = await send(http, "PUT", poll, await ballot_(poll, [1]), Idempotency_Key="put-1", **mine)
    assert (again.status_code, again.json()) == (200, lost.json())
    standing = (await send(http, "GET", poll, **mine)).json()
    assert (standing["id"], standing["answers"]) == (later.json()["id"], (await ballot_(poll, [2]))["answers"])


async def test_a_retried_delete_replays_with_204_and_never_undoes_a_later_vote(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(changeable=True)
    token = (await vote(http, poll)).headers["X-Voter-Token"]
    mine: dict[str, Any] = {"mine": True, "X_Voter_Token": token}
    assert (await send(http, "DELETE", poll, Idempotency_Key="gone", **mine)).status_code == 204
    cast = await vote(http, poll, X_Voter_Token=token)
    assert cast.status_code == 201
    assert (await send(http, "DELETE", poll, Idempotency_Key="gone", **mine)).status_code == 204
    assert (await send(http, "GET", poll, **mine)).json()["id"] == cast.json()["id"]
    await change(poll, closes_at=datetime.now(UTC))
    assert (await send(http, "DELETE", poll, Idempotency_Key="gone", **mine)).status_code == 204
    assert_problem(await send(http, "DELETE", poll, Idempotency_Key="other", **mine), 409, "poll-not-open")


async def test_a_retried_post_after_a_withdrawal_brings_nothing_back(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(changeable=True)
    cast = await vote(http, poll, Idempotency_Key=KEY)
    mine: dict[str, Any] = {"mine": True, "X_Voter_Token": cast.headers["X-Voter-Token"]}
    assert (await send(http, "DELETE", poll, **mine)).status_code == 204
    assert (await vote(http, poll, Idempotency_Key=KEY)).json() == cast.json()
    assert_problem(await send(http, "GET", poll, **mine), 404, "not-found")


async def test_a_key_of_one_method_is_422_in_another(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(changeable=True)
    body = await ballot_(poll)
    token = (await vote(http, poll, body, Idempotency_Key="post")).headers["X-Voter-Token"]
    mine: dict[str, Any] = {"mine": True, "X_Voter_Token": token}
    assert (await send(http, "PUT", poll, body, Idempotency_Key="put", **mine)).status_code == 200
    assert_problem(await send(http, "PUT", poll, body, Idempotency_Key="post", **mine), 422, "idempotency-key-reused")
    assert_problem(await send(http, "DELETE", poll, Idempotency_Key="post", **mine), 422, "idempotency-key-reused")
    assert_problem(await send(http, "DELETE", poll, Idempotency_Key="put", **mine), 422, "idempotency-key-reused")
    assert_problem(await send(http, "PUT", poll, await ballot_(poll, [1]), Idempotency_Key="put", **mine), 422, "idempotency-key-reused")
    assert (await send(http, "DELETE", poll, Idempotency_Key="delete", **mine)).status_code == 204
    assert_problem(await vote(http, poll, body, Idempotency_Key="put", X_Voter_Token=token), 422, "idempotency-key-reused")
    assert_problem(await vote(http, poll, body, Idempotency_Key="delete", X_Voter_Token=token), 422, "idempotency-key-reused")


async def test_a_bad_key_is_400_for_every_method(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(changeable=True)
    token = (await vote(http, poll, Idempotency_Key="~" * 255)).headers["X-Voter-Token"]
    for method, body in (("PUT", await ballot_(poll)), ("DELETE", None)):
        for bad in ("with space", "x" * 256, "é"):
            assert_problem(await send(http, method, poll, body, mine=True, X_Voter_Token=token, Idempotency_Key=bad), 400, "bad-request")
