"""What holds of every route: methods, paths, bodies, credentials and queries that are not as they should be get the right problem."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from commands.models import Poll
from core.accounts.models import User
from core.accounts.tokens import issue_pair
from core.errors import PROBLEMS
from core.parsers import BODY_LIMIT
from tests.asgi_client import Answer, ask
from tests.contract.operations import Operation, body_for, encoded, methods_by_path, operations
from tests.factories import make_poll, make_user

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "BREW")
JSON = {"content-type": "application/json"}
VOTE_LIMIT = 512 * 1024
CAST = Operation("cast_vote", "POST", "", has_body=True, needs_account=False)
pytestmark = pytest.mark.usefixtures("unlimited")


@pytest.fixture
def boss(http: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch) -> User:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs
    return make_user("boss", is_staff=True)


@pytest.fixture
def poll(boss: User) -> Poll:
    return make_poll(owner=boss, changeable=True)


@pytest.fixture
def bearer(boss: User) -> dict[str, str | bytes]:
    return {"authorization": f"Bearer {issue_pair(boss).access}"}


def assert_problem(answer: Answer, status: int, *kinds: str, head: bool = False, about: object = "") -> None:
    assert answer.status == status, (about, answer.status, answer.body[:300])
    assert answer.header("content-type") == "application/problem+json", about
    if head:
        assert answer.body == b"", about
        return
    problem = answer.data
    assert problem["type"] in {f"/problems/{kind}" for kind in kinds}, (about, problem)
    assert problem["status"] == status, about
    assert problem["title"], about
    assert problem["detail"], about
    assert problem["instance"].startswith("/api/"), about
    assert ("errors" in problem) == (problem["type"] == "/problems/validation-error"), about
    for fault in problem.get("errors", ()):
        assert fault["pointer"].startswith("#"), about
        assert fault["detail"], about
        assert fault["code"], about


def with_bodies() -> Iterator[Operation]:
    return (operation for operation in operations() if operation.has_body)


def of_polls() -> Iterator[Operation]:
    return (operation for operation in operations() if "{poll_id}" in operation.path)


async def test_options_say_what_there_is(poll: Poll) -> None:
    for path, methods in methods_by_path().items():
        answer = await ask("OPTIONS", path.replace("{poll_id}", str(poll.pk)))
        assert (answer.status, answer.body) == (204, b""), path
        assert set((answer.header("allow") or "").split(", ")) == methods, path


async def test_methods_that_are_not_there_are_405_and_say_which_are(poll: Poll, bearer: dict[str, str | bytes]) -> None:
    for path, methods in methods_by_path().items():
        for method in set(METHODS) - methods:
            for headers in ({}, bearer, {"content-type": "text/plain"}):
                answer = await ask(method, path.replace("{poll_id}", str(poll.pk)), headers=dict(headers))
                assert_problem(answer, 405, "method-not-allowed", head=method == "HEAD", about=(method, path))
                assert set((answer.header("allow") or "").split(", ")) == methods, (method, path)


async def test_a_slash_at_the_end_or_anything_more_is_404(poll: Poll, bearer: dict[str, str | bytes]) -> None:
    for path, methods in methods_by_path().items():
        for tail in ("/", "/more", "//", "%00", "%ff", ".", "%2f"):
            for method in methods | {"GET", "BREW"}:
                answer = await ask(method, path.replace("{poll_id}", str(poll.pk)) + tail, headers=dict(bearer))
                assert_problem(answer, 404, "not-found", head=method == "HEAD", about=(method, path, tail))


@pytest.mark.parametrize(
    "path", ["/api", "/api/", "/api/v1", "/api/v1/", "/api//v1/polls", "/api/v2/polls", "/api/v1/%00", "/api/v1/%ff", "/api/v1/polls/../me"]
)
async def test_unknown_paths_are_404_whatever_is_sent(http: httpx.AsyncClient, path: str) -> None:
    if path == "/api":
        assert (await ask("GET", path)).status == 404
        return
    for method in METHODS:
        for headers, body in (({}, b""), (JSON, b"{"), ({"content-type": "text/plain"}, b"\xff")):
            assert_problem(await ask(method, path, headers=dict(headers), body=body), 404, "not-found", head=method == "HEAD", about=method)


async def test_head_answers_as_get(poll: Poll, bearer: dict[str, str | bytes]) -> None:
    headers = bearer | {"cookie": await voted(poll)}
    for operation in operations():
        if operation.method != "GET":
            continue
        got, head = [await ask(method, operation.on(poll.pk), headers=dict(headers)) for method in ("GET", "HEAD")]
        assert (got.status, head.status, head.body) == (200, 200, b""), operation.id
        assert heads(got) == heads(head), operation.id
        assert got.body, operation.id


async def voted(poll: Poll) -> str:
    answer = await ask("POST", f"/api/v1/polls/{poll.pk}/votes", headers=dict(JSON), body=encoded(CAST, poll))
    assert answer.status == 201
    return str(answer.header("set-cookie")).split(";")[0]


def heads(answer: Answer) -> set[tuple[bytes, bytes]]:
    return {(name.lower(), value) for name, value in answer.headers if name.lower() != b"date"}


async def test_accept_is_ignored(poll: Poll, bearer: dict[str, str | bytes]) -> None:
    headers = bearer | {"cookie": await voted(poll)}
    for operation in operations():
        if operation.method == "GET":
            usual = await ask("GET", operation.on(poll.pk), headers=dict(headers))
            for accept in ("text/html", "application/xml;q=0.5", "nonsense"):
                answer = await ask("GET", operation.on(poll.pk), headers=dict(headers | {"accept": accept}))
                assert (answer.status, answer.header("content-type")) == (200, usual.header("content-type")), (operation.id, accept)


async def test_bodies_that_are_not_json_objects_are_refused(poll: Poll, bearer: dict[str, str | bytes]) -> None:
    deep = b'{"x":' * 150 + b"1" + b"}" * 150
    very_deep, lists = b'{"x":' * 5000 + b"1" + b"}" * 5000, b'{"x":' + b"[" * 150 + b"]" * 150 + b"}"
    bad = [
        b"",
        b" ",
        b"{",
        b"[]",
        b"null",
        b'"x"',
        b"1",
        b"NaN",
        b'{"x":NaN}',
        b"{'x':1}",
        b"\xff",
        b'{"x":"\xff"}',
        b'{"x":"\xed\xa0\x80"}',
        deep,
        very_deep,
        lists,
    ]
    for operation in with_bodies():
        for body in [*bad, b'{"x":"\\ud800"}', b"\xef\xbb\xbf{}", b"{} {}"]:
            answer = await ask(operation.method, operation.on(poll.pk), headers=dict(bearer | JSON), body=body)
            assert_problem(answer, 400, "malformed-body", about=(operation.id, body[:20]))


async def test_media_types_other_than_json_are_refused(poll: Poll, bearer: dict[str, str | bytes]) -> None:
    for operation in with_bodies():
        for media in ("", "text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "json", b"\xff"):
            answer = await ask(operation.method, operation.on(poll.pk), headers=dict(bearer | {"content-type": media}), body=encoded(operation, poll))
            assert_problem(answer, 415, "unsupported-media-type", about=(operation.id, media))
        answer = await ask(operation.method, operation.on(poll.pk), headers=dict(bearer), body=encoded(operation, poll))
        assert_problem(answer, 415, "unsupported-media-type", about=operation.id)


async def test_bodies_that_are_too_large_are_refused_and_those_at_the_limit_are_read(poll: Poll, bearer: dict[str, str | bytes]) -> None:
    for operation in with_bodies():
        limit = VOTE_LIMIT if operation.id in {"cast_vote", "replace_my_vote"} else BODY_LIMIT
        for size, said in ((limit + 1, "announced"), (limit + 1, "not announced"), (limit, "at the limit")):
            body = b'{"x":"%s"}' % (b"a" * (size - 8))
            headers = bearer | JSON | ({"content-length": "0"} if said == "not announced" else {})
            answer = await ask(operation.method, operation.on(poll.pk), headers=dict(headers), body=body)
            if said == "at the limit":
                assert answer.status != 413, operation.id
            else:
                assert_problem(answer, 413, "body-too-large", about=(operation.id, said))


async def test_a_nul_anywhere_is_pointed_at(poll: Poll, bearer: dict[str, str | bytes]) -> None:
    for operation in with_bodies():
        for body, pointer in ((b'{"x": [{"y": "a\\u0000b"}]}', "#/x/0/y"), (b'{"a\\u0000b": 1}', "#")):
            answer = await ask(operation.method, operation.on(poll.pk), headers=dict(bearer | JSON), body=body)
            assert_problem(answer, 400, "validation-error", about=operation.id)
            assert pointer in [fault["pointer"] for fault in answer.data["errors"]], operation.id


async def test_a_bad_bearer_is_401_everywhere_and_other_headers_harm_nobody(poll: Poll) -> None:
    for operation in operations():
        for bad in ("Bearer x", "Bearer", "", "Basic YTpi", b"\xff\xfe", "Bearer a.b.c", "Bearer eyJhbGciOiJub25lIn0.e30."):
            headers = {"authorization": bad, **(JSON if operation.has_body else {})}
            answer = await ask(operation.method, operation.on(poll.pk), headers=headers, body=encoded(operation, poll))
            assert_problem(answer, 401, "not-authenticated", about=(operation.id, bad))
            assert answer.header("www-authenticate") == "Bearer", operation.id


@pytest.mark.parametrize("value", [b"\xff\xfe", b"sessionid=\xff; nexus_voter=\xff", b"a" * 5000, b"\x01"])
async def test_odd_headers_are_no_500(poll: Poll, value: bytes) -> None:
    names = ("cookie", "x-voter-code", "if-none-match", "last-event-id", "x-forwarded-for", "user-agent", "accept-language", "x-csrftoken")
    for operation in operations():
        headers = {**dict.fromkeys(names, value), **(JSON if operation.has_body else {})}
        answer = await ask(operation.method, operation.on(poll.pk), headers=headers, body=encoded(operation, poll))
        assert answer.status < 500, (operation.id, answer.body)
    for name in ("idempotency-key", "x-voter-token", "origin"):
        answer = await ask("POST", f"/api/v1/polls/{poll.pk}/votes", headers={name: value + b"\xff", **JSON}, body=encoded(CAST, poll))
        assert 400 <= answer.status < 500, (name, answer.body)


async def test_odd_queries_are_no_500(poll: Poll, bearer: dict[str, str | bytes]) -> None:
    names = ("x", "cursor", "page_size", "search", "state", "owner", "after", "bucket", "ticket", "format")
    for operation in operations():
        if operation.method != "GET":
            continue
        for value in ("%00", "%ff", "%", "%ed%a0%80", "x" * 5000, "-1", "1e9", "", "'%22<"):
            for name in names:
                answer = await ask("GET", f"{operation.on(poll.pk)}?{name}={value}", headers=dict(bearer))
                assert answer.status < 500, (operation.id, name, value, answer.body[:300])
        assert (await ask("GET", f"{operation.on(poll.pk)}?{'&'.join(['a=b'] * 2000)}", headers=dict(bearer))).status < 500, operation.id


@pytest.mark.parametrize(
    "key", ["nonsense", "1", "%00", "%ff", "0", str(uuid.UUID(int=0)), str(uuid.uuid4()), str(uuid.uuid4()).upper(), uuid.uuid4().hex, "..", "-"]
)
async def test_ids_that_name_no_poll_are_404(poll: Poll, bearer: dict[str, str | bytes], key: str) -> None:
    for operation in of_polls():
        headers = bearer | (JSON if operation.has_body else {})
        answer = await ask(operation.method, operation.path.replace("{poll_id}", key), headers=dict(headers), body=encoded(operation, poll))
        assert_problem(answer, 404, "not-found", about=operation.id)


async def test_a_foreign_host_is_a_bad_request_and_nothing_more(poll: Poll) -> None:
    for host in ("evil.example", "a b", b"\xff"):
        answer = await ask("GET", "/api/v1/polls", headers={"host": host})
        assert_problem(answer, 400, "bad-request")


async def test_every_type_that_was_met_is_explained(http: httpx.AsyncClient) -> None:
    for problem in PROBLEMS:
        answer = await ask("GET", f"/problems/{problem.type}")
        assert (answer.status, (answer.header("content-type") or "").partition(";")[0]) == (200, "text/html")
        assert problem.type.encode() in answer.body


async def test_lists_come_in_pages_with_absolute_links(boss: User, bearer: dict[str, str | bytes]) -> None:
    made = [str(make_poll(owner=boss, title=f"Poll {number}").pk) for number in range(25)][::-1]
    first = (await ask("GET", "/api/v1/polls")).data
    assert ([poll["id"] for poll in first["results"]], first["previous"]) == (made[:20], None)
    assert first["next"].startswith("http://testserver/api/v1/polls?cursor=")
    second = (await ask("GET", first["next"].removeprefix("http://testserver"))).data
    assert ([poll["id"] for poll in second["results"]], second["next"]) == (made[20:], None)
    back = (await ask("GET", second["previous"].removeprefix("http://testserver"))).data
    assert [poll["id"] for poll in back["results"]] == made[:20]
    seen: list[Any] = []
    url = "/api/v1/polls?page_size=7&owner=me"
    while url:
        page = (await ask("GET", url, headers=dict(bearer))).data
        seen += [poll["id"] for poll in page["results"]]
        url = (page["next"] or "").removeprefix("http://testserver")
    assert seen == made
    for query in ("page_size=0", "page_size=x", "cursor=x", "cursor=", "state=x", "owner=x"):
        assert_problem(await ask("GET", f"/api/v1/polls?{query}"), 400, "bad-request", about=query)
    for size in (100, 101, 10_000):
        assert len((await ask("GET", f"/api/v1/polls?page_size={size}")).data["results"]) == 25


def test_there_is_a_body_for_every_operation_that_takes_one(boss: User, poll: Poll) -> None:
    for operation in with_bodies():
        assert body_for(operation.id, poll)


async def test_nul_in_any_parameter_is_a_bad_request(http: httpx.AsyncClient) -> None:
    for path in ("/api/v1/polls?x=%00", "/api/v1/polls/00000000-0000-4000-8000-000000000000/results?x=a%00b", "/api/v1/auth/me?%00=1"):
        answer = await http.get(path)
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-request")


async def test_the_reading_rooms_answer_options_like_everything_else(http: httpx.AsyncClient) -> None:
    for path in ("/api/docs/", "/api/redoc/", "/api/schema/"):
        answer = await http.options(path)
        assert (answer.status_code, answer.content) == (204, b"")
        assert {"GET", "OPTIONS"} <= set(answer.headers["Allow"].split(", "))
