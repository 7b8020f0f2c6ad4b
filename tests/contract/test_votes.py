"""The contract of `…/votes` over HTTP, through the application that is served: what is answered, and who may ask from where."""

from __future__ import annotations

import uuid
from datetime import datetime
from typing import Any

import httpx
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client

from core.postgres import connect
from tests.contract.voting import assert_problem, bearer, make_poll_, make_user_, send, vote
from tests.waiting import until


async def test_a_vote_is_answered_201_with_a_receipt_and_the_voters_token(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    answer = await vote(http, poll)
    assert answer.status_code == 201
    receipt = answer.json()
    assert set(receipt) == {"id", "poll", "cast_at", "position", "results"}
    assert (receipt["poll"], receipt["results"]) == (str(poll.id), f"/api/v1/polls/{poll.id}/results")
    assert uuid.UUID(receipt["id"]).version == 4
    assert datetime.fromisoformat(receipt["cast_at"]).tzinfo is not None
    cookie = answer.headers["Set-Cookie"]
    assert cookie.startswith(f"nexus_voter={answer.headers['X-Voter-Token']};")
    assert {"HttpOnly", "Path=/", "SameSite=Lax"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert answer.headers["Cache-Control"] == "no-store"


async def test_ids_and_positions_are_opaque_and_no_two_are_alike(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    receipts = [(await vote(http, poll)).json() for _ in range(3)]
    assert len({receipt["id"] for receipt in receipts}) == len({receipt["position"] for receipt in receipts}) == 3
    assert not any(receipt["position"].isdigit() for receipt in receipts)


async def test_over_https_the_cookie_is_secure(http: httpx.AsyncClient, settings: Any) -> None:
    settings.HTTPS = True
    http.base_url = "https://testserver"
    assert "Secure" in (await vote(http, await make_poll_())).headers["Set-Cookie"].split("; ")


async def test_a_foreign_origin_is_refused_unless_cors_allows_it(http: httpx.AsyncClient, settings: Any) -> None:
    poll = await make_poll_()
    assert_problem(await vote(http, poll, Origin="https://elsewhere.example"), 403, "permission-denied")
    assert_problem(await vote(http, poll, Origin="null"), 403, "permission-denied")
    assert (await vote(http, poll, Origin="http://testserver")).status_code == 201
    settings.CORS_ALLOWED_ORIGINS = ["https://elsewhere.example"]
    answer = await vote(http, poll, Origin="https://elsewhere.example")
    assert (answer.status_code, answer.headers["Access-Control-Allow-Origin"]) == (201, "https://elsewhere.example")


async def test_other_methods_are_405_and_options_204_with_allow(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    for mine, allowed in ((False, "POST, OPTIONS"), (True, "GET, HEAD, PUT, DELETE, OPTIONS")):
        answer = await send(http, "PATCH", poll, {}, mine=mine)
        assert_problem(answer, 405, "method-not-allowed")
        assert answer.headers["Allow"] == allowed
        options = await send(http, "OPTIONS", poll, mine=mine)
        assert (options.status_code, options.headers["Allow"], options.content) == (204, allowed, b"")
    assert_problem(await send(http, "GET", f"{poll.id}/votes"), 404, "not-found")


async def test_a_django_session_votes_with_its_csrf_token_only(http: httpx.AsyncClient) -> None:
    user = await make_user_()
    browser = Client()
    await sync_to_async(browser.force_login)(user)
    session = browser.cookies["sessionid"].value
    poll = await make_poll_(voters="account")
    token = "a" * 32
    assert_problem(await vote(http, poll, Cookie=f"sessionid={session}; csrftoken={token}"), 403, "permission-denied")
    assert_problem(await vote(http, poll, Cookie=f"sessionid={session}; csrftoken={token}", X_CSRFToken="b" * 32), 403, "permission-denied")
    assert (await vote(http, poll, Cookie=f"sessionid={session}; csrftoken={token}", X_CSRFToken=token)).status_code == 201
    assert_problem(await vote(http, poll, Authorization=await bearer(user)), 409, "duplicate-vote")  # the same account


async def test_a_bearer_token_wins_over_a_session_and_needs_no_csrf_token(http: httpx.AsyncClient) -> None:
    poll, other = await make_poll_(voters="account"), await make_user_()
    browser = Client()
    await sync_to_async(browser.force_login)(await make_user_())
    cookie = f"sessionid={browser.cookies['sessionid'].value}"
    assert (await vote(http, poll, Cookie=cookie, Authorization=await bearer(other))).status_code == 201
    assert_problem(await vote(http, poll, Authorization=await bearer(other)), 409, "duplicate-vote")
    assert_problem(await vote(http, poll, Cookie=cookie, Authorization="Bearer nonsense"), 401, "not-authenticated")


async def test_an_answer_is_never_much_larger_than_what_it_answers(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    for body in ({"answers": [0] * 200_000}, {"answers": ["\0"] * 50_000}):
        refused = await send(http, "POST", poll, body)
        assert refused.status_code == 400
        assert len(refused.json()["errors"]) == 100


async def test_a_session_is_read_again_after_its_connection_was_lost(http: httpx.AsyncClient) -> None:
    user = await make_user_()
    browser = Client()
    await sync_to_async(browser.force_login)(user)
    poll = await make_poll_(voters="account")
    cookies = f"sessionid={browser.cookies['sessionid'].value}; csrftoken={'a' * 32}"
    assert_problem(await send(http, "GET", poll, mine=True, Cookie=cookies), 404, "not-found")
    await sync_to_async(_end_all_connections)()

    async def voted() -> bool:
        return (await vote(http, poll, Cookie=cookies, X_CSRFToken="a" * 32)).status_code == 201

    assert await until(voted)


def _end_all_connections() -> None:
    connection = connect("direct", application_name="nexus-tests")
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
    connection.close()
    connections.close_all()
