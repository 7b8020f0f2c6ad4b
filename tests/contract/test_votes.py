"""The contract of `…/votes` and `…/votes/mine`, over HTTP, through the application that is served."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import orjson
import pytest_asyncio
from asgiref.sync import sync_to_async
from django.db import connections
from django.test import Client

from commands.models import Poll
from core.accounts.models import User
from core.accounts.tokens import issue_pair
from core.limits import vote_limit
from core.postgres import connect
from tests.factories import ballot, make_poll, make_user
from tests.waiting import until

KEY = "0123456789abcdefghijkl-strong"
make_poll_ = sync_to_async(make_poll)
ballot_ = sync_to_async(ballot)
make_user_ = sync_to_async(make_user)


@pytest_asyncio.fixture
async def http(committed_db: None, settings: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the whole application, started as a server starts it; cookies are sent only where a test says so."""
    from commands import intake  # noqa: PLC0415
    from core.asgi import application  # noqa: PLC0415  (sets Django up)
    from projections import feed  # noqa: PLC0415

    settings.VOTE_RATE_LIMIT = "off"
    vote_limit.cache_clear()
    await intake.startup()
    await feed.startup()
    transport = httpx.ASGITransport(app=application, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://testserver") as client:
        yield client
    await feed.shutdown()
    await intake.shutdown()
    vote_limit.cache_clear()


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


async def test_over_https_the_cookie_is_secure(http: httpx.AsyncClient, settings: Any) -> None:
    settings.HTTPS = True
    http.base_url = "https://testserver"
    assert "Secure" in (await vote(http, await make_poll_())).headers["Set-Cookie"].split("; ")


async def test_the_same_voter_again_is_a_duplicate_by_header_and_by_cookie(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    token = (await vote(http, poll)).headers["X-Voter-Token"]
    assert_problem(await vote(http, poll, X_Voter_Token=token), 409, "duplicate-vote")
    assert_problem(await vote(http, poll, Cookie=f"other=1; nexus_voter={token}"), 409, "duplicate-vote")
    assert (await vote(http, poll, Cookie="nexus_voter=nonsense")).status_code == 201
    assert_problem(await vote(http, poll, X_Voter_Token="nonsense"), 401, "not-authenticated")


async def test_a_repeated_key_repeats_the_answer_and_another_body_is_422(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    first, again = [await vote(http, poll, Idempotency_Key=KEY) for _ in range(2)]
    assert (again.status_code, again.json()) == (201, first.json())
    assert_problem(await vote(http, poll, await ballot_(poll, [1]), Idempotency_Key=KEY), 422, "idempotency-key-reused")
    for bad in ("with space", "x" * 256, "café"):
        assert_problem(await send(http, "POST", poll, {}, Idempotency_Key=bad), 400, "bad-request")


async def test_checks_come_in_the_contracts_order(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(voters="account", closes_at=datetime.now(UTC) - timedelta(minutes=1))
    user = await bearer(await make_user_())
    assert_problem(await vote(http, uuid.uuid4(), {}, Content_Type="text/plain"), 404, "not-found")
    assert_problem(await vote(http, "not-an-id", {}), 404, "not-found")
    assert_problem(await send(http, "POST", poll, raw=b"x" * 600_000, Content_Type="text/plain"), 415, "unsupported-media-type")
    assert_problem(await send(http, "POST", poll, raw=b"{}", Content_Type=""), 415, "unsupported-media-type")
    assert_problem(await send(http, "POST", poll, raw=b"x" * 600_000), 413, "body-too-large")
    for raw in (b"", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"a": 1}}', b'{"answers": NaN}'):
        assert_problem(await send(http, "POST", poll, raw=raw), 400, "malformed-body")
    assert_problem(await send(http, "POST", poll, raw=b'{"a/b": "x\\u0000"}'), 400, "validation-error", "#/a~1b")
    assert_problem(await vote(http, poll, {}), 401, "not-authenticated")
    assert (await vote(http, poll, {})).headers["WWW-Authenticate"].startswith("Bearer")
    assert_problem(await vote(http, poll, {}, Authorization="Bearer nonsense"), 401, "not-authenticated")
    assert_problem(await vote(http, poll, {}, Authorization=user), 409, "poll-not-open")
    open_ = await make_poll_(voters="account")
    assert_problem(await vote(http, open_, {}, Authorization=user), 400, "validation-error", "#/answers")
    assert_problem(await vote(http, open_, {"answers": []}, Authorization="Bearer x.y.z"), 401, "not-authenticated")


async def test_put_and_delete_without_a_token_are_refused_at_the_place_of_the_order(http: httpx.AsyncClient) -> None:
    changeable, fixed = await make_poll_(changeable=True), await make_poll_()
    closed = await make_poll_(changeable=True, closes_at=datetime.now(UTC) - timedelta(minutes=1))
    for method in ("PUT", "DELETE"):
        assert_problem(await send(http, method, closed, await ballot_(closed), mine=True), 409, "poll-not-open")
        assert_problem(await send(http, method, fixed, await ballot_(fixed), mine=True), 409, "vote-not-changeable")
        assert_problem(await send(http, method, changeable, await ballot_(changeable), mine=True), 404, "not-found")
    assert_problem(await send(http, "PUT", changeable, {}, mine=True), 400, "validation-error", "#/answers")


async def test_a_body_that_is_nested_too_deep_is_malformed_with_and_without_a_key(http: httpx.AsyncClient) -> None:
    poll = await make_poll_()
    body = await ballot_(poll)
    for depth in (101, 300, 900):
        raw = orjson.dumps(body)[:-1] + b', "x": ' + b"[" * depth + b"]" * depth + b"}"
        assert_problem(await send(http, "POST", poll, raw=raw), 400, "malformed-body")
        assert_problem(await send(http, "POST", poll, raw=raw, Idempotency_Key=KEY), 400, "malformed-body")
    brackets = orjson.dumps({**body, "x": "[" * 1000, "y": [[] for _ in range(200)]})
    assert (await send(http, "POST", poll, raw=brackets, Idempotency_Key=KEY)).status_code == 201


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


async def test_the_rate_limit_comes_before_replay_and_carries_its_headers(http: httpx.AsyncClient, settings: Any) -> None:
    settings.VOTE_RATE_LIMIT = "2/hour"
    settings.REDIS_PREFIX = f"test-{uuid.uuid4().hex}"
    vote_limit.cache_clear()
    poll = await make_poll_()
    first = await vote(http, poll, Idempotency_Key=KEY)
    assert first.headers["RateLimit-Policy"] == '"vote";q=2;w=3600'
    assert (await vote(http, poll, Idempotency_Key=KEY)).status_code == 201
    refused = await vote(http, poll, Idempotency_Key=KEY)
    assert_problem(refused, 429, "rate-limited")
    assert int(refused.headers["Retry-After"]) > 0
    assert refused.headers["RateLimit"].startswith('"vote";r=0;t=')


async def test_a_draft_is_not_there_but_for_its_owner(http: httpx.AsyncClient) -> None:
    owner = await make_user_()
    poll = await make_poll_(draft=True, owner=owner)
    assert_problem(await vote(http, poll, {}), 404, "not-found")
    assert_problem(await vote(http, poll, {}, Authorization=await bearer(await make_user_())), 404, "not-found")
    assert_problem(await vote(http, poll, Authorization=await bearer(owner)), 409, "poll-not-open")


async def test_a_scheduled_poll_opens_by_the_clock(http: httpx.AsyncClient) -> None:
    poll = await make_poll_(opens_at=datetime.now(UTC) + timedelta(milliseconds=300))
    assert_problem(await vote(http, poll), 409, "poll-not-open")

    async def taken() -> bool:
        return (await vote(http, poll)).status_code == 201

    assert await until(taken)


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
