"""Other sites' scripts get no answer to read unless CORS_ALLOWED_ORIGINS names them, and no socket."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.asgi_client import ask
from tests.contract.operations import operations
from tests.factories import make_poll
from tests.security.conftest import Running

FRIEND = "https://friend.example"
FOES = ["https://foe.example", "null", "https://friend.example.foe.example", "http://friend.example", "https://friend.example:8443", "http://[", "file://", ""]
JSON = {"content-type": "application/json"}


@pytest.fixture(autouse=True)
def unsafe(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs


def cors(answer: Any) -> dict[str, str]:
    return {name.decode().lower(): value.decode() for name, value in answer.headers if name.lower().startswith(b"access-control-")}


async def test_it_is_closed_unless_it_is_opened(http: Any) -> None:
    poll = make_poll()
    for operation in operations():
        for method in (operation.method, "OPTIONS"):
            answer = await ask(method, operation.on(poll.pk), headers={**JSON, "origin": FRIEND, "access-control-request-method": operation.method}, body=b"{}")
            assert cors(answer) == {}, (operation.id, method)
            assert answer.status < 500
            # Here because it is where every operation is asked: an endpoint that is added answers with the policies too.
            assert answer.header("x-frame-options") == "DENY", operation.id
            assert answer.header("content-security-policy") == "default-src 'none'; frame-ancestors 'none'", operation.id


async def test_only_those_named_are_let_in_and_nobody_who_looks_like_them(http: Any, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]
    poll = make_poll()
    for operation in operations():
        if operation.path.endswith(".pdf"):
            continue
        lean = "/votes" in operation.path or "/results" in operation.path
        for origin in FOES if operation.id in {"cast_vote", "read_results", "read_poll"} else FOES[:1]:
            answer = await ask(operation.method, operation.on(poll.pk), headers={**JSON, "origin": origin}, body=b"{}")
            assert cors(answer) == {}, (operation.id, origin)
            assert answer.status < 500, (operation.id, origin, answer.body)
            assert not lean or answer.status in {400, 403}, (operation.id, origin)


async def test_who_is_named_is_named_in_the_answer_alone(http: Any, settings: Any) -> None:
    settings.CORS_ALLOWED_ORIGINS = [FRIEND, "https://other.example"]
    poll = make_poll()
    for operation in operations():
        if operation.path.endswith(".pdf"):
            continue  # takes its time, and its headers from where those of the other exports come
        answer = await ask(operation.method, operation.on(poll.pk), headers={**JSON, "origin": FRIEND}, body=b"{}")
        assert cors(answer)["access-control-allow-origin"] == FRIEND, operation.id
        assert "origin" in (answer.header("vary") or "").lower(), operation.id


async def test_a_socket_is_opened_to_pages_of_ours_and_to_those_named(running: Running, settings: Any) -> None:
    poll = make_poll()
    address = f"ws://127.0.0.1:{running.port}/ws/v1/polls/{poll.pk}/results"
    settings.CORS_ALLOWED_ORIGINS = [FRIEND]
    for origin in (f"http://127.0.0.1:{running.port}", FRIEND):
        async with connect(address, proxy=None, origin=origin) as socket:  # type: ignore[arg-type]  # any text may be an origin
            assert await socket.recv()
    for origin in FOES[:-1]:
        with pytest.raises(InvalidStatus) as refused:
            async with connect(address, proxy=None, origin=origin):  # type: ignore[arg-type]
                pass
        assert refused.value.response.status_code == 403, origin
