"""A name that is not ours gets nothing: no page, no API, no vote, no results, no socket. Probes, which come by bare address, do."""

from __future__ import annotations

from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

from tests.asgi_client import ask
from tests.contract.operations import operations
from tests.factories import make_poll
from tests.security.conftest import Running

FOREIGN = ["foe.example", "testserver.foe.example", "foe.example:80", "", "test server", "testserver@foe.example", "[::2]", "testserver:port", "\xff"]


@pytest.fixture
def poll(committed_db: None, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs
    return make_poll()


async def test_every_operation_and_page_refuses_another_name(http: Any, poll: Any) -> None:
    paths = {(operation.method, operation.on(poll.pk)) for operation in operations()}
    for method, path in sorted(
        paths | {("GET", path) for path in ("/", f"/polls/{poll.slug}", "/admin/login/", "/api/docs/", "/static/pages/site.css", "/nowhere")}
    ):
        answer = await ask(method, path, headers={"host": "foe.example", "content-type": "application/json"}, body=b"{}")
        assert answer.status == 400, (method, path)
        assert answer.header("content-type") == ("application/problem+json" if path.startswith("/api/v1/") else answer.header("content-type"))
        assert b"foe.example" not in answer.body


async def test_however_it_is_spelled(http: Any, poll: Any) -> None:
    for host in FOREIGN:
        for path in (f"/api/v1/polls/{poll.pk}/results", "/api/v1/polls", "/"):
            assert (await ask("GET", path, headers={"host": host.encode("latin-1")})).status == 400, (host, path)


async def test_our_own_names_are_answered_with_any_port(http: Any, poll: Any, settings: Any) -> None:
    settings.ALLOWED_HOSTS = ["polls.example", ".sub.example", "[::1]"]
    for host in ("polls.example", "POLLS.example:8443", "a.sub.example", "[::1]:8000", "polls.example."):
        assert (await ask("GET", f"/api/v1/polls/{poll.pk}/results", headers={"host": host})).status == 200, host
        assert (await ask("GET", "/", headers={"host": host})).status == 200, host
    assert (await ask("GET", "/", headers={"host": "testserver"})).status == 400
    settings.ALLOWED_HOSTS = ["*"]
    assert (await ask("GET", f"/api/v1/polls/{poll.pk}/results", headers={"host": "anything.example"})).status == 200


async def test_probes_are_answered_by_bare_address(http: Any) -> None:
    for path in ("/livez", "/readyz", "/metrics"):
        assert (await ask("GET", path, headers={"host": "10.1.2.3:8000"})).status == 200


async def test_two_names_or_none_on_the_wire_are_refused(running: Running) -> None:
    for hosts in (b"", b"Host: localhost\r\nHost: foe.example\r\n", b"Host: localhost\r\nHost: localhost\r\n"):
        answer = await running.ask(b"GET /api/v1/polls HTTP/1.1\r\nConnection: close\r\n" + hosts + b"\r\n")
        assert answer.startswith(b"HTTP/1.1 400"), hosts


async def test_a_socket_is_refused_too(running: Running, poll: Any, settings: Any) -> None:
    address = f"ws://127.0.0.1:{running.port}/ws/v1/polls/{poll.pk}/results"
    async with connect(address, proxy=None) as socket:
        assert await socket.recv()
    settings.ALLOWED_HOSTS = ["polls.example"]
    with pytest.raises(InvalidStatus) as refused:
        async with connect(address, proxy=None):
            pass
    assert refused.value.response.status_code == 400
