"""Fixtures for tests of what keeps people out: the whole application without rate limits, and a real server with a bare socket to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from uvicorn import Server

from core.web_server import WebOptions, listen, web_config
from tests.contract.conftest import http, unlimited
from tests.counting import own_names
from tests.waiting import until

__all__ = ["http", "own_names", "unlimited"]


class Wire:
    """A client that sends what it likes, byte by byte."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def send(self, data: bytes) -> None:
        """Passes over a server that has hung up meanwhile: what it said before is to be read."""
        try:
            self.writer.write(data)
            await self.writer.drain()
        except ConnectionError:
            return

    async def rest(self, *, seconds: float = 15) -> bytes:
        """All that comes until the server closes the connection."""
        async with asyncio.timeout(seconds):
            said = b""
            try:
                while more := await self.reader.read(65_536):
                    said += more
            except ConnectionError:
                pass
            return said


class Running:
    """A real server in the test's own loop."""

    def __init__(self, port: int, server: Server) -> None:
        self.port, self.server = port, server
        self._wires: list[Wire] = []

    async def wire(self) -> Wire:
        wire = Wire(*await asyncio.open_connection("127.0.0.1", self.port))
        self._wires.append(wire)
        return wire

    async def ask(self, data: bytes) -> bytes:
        """Sends it and returns all that comes until the server closes; the request should ask for that."""
        wire = await self.wire()
        await wire.send(data)
        return await wire.rest()

    def hang_up(self) -> None:
        for wire in self._wires:
            wire.writer.close()


@pytest_asyncio.fixture
async def running(committed_db: None, own_names: str, settings: Any, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Running]:
    monkeypatch.setenv("DJANGO_ALLOW_ASYNC_UNSAFE", "1")  # tests make polls where a loop runs
    settings.VOTE_RATE_LIMIT = "off"
    listener = listen("127.0.0.1", 0)
    options = WebOptions(application="core.asgi:application", workers=1, backlog=256, keep_alive=30, shutdown=8, access_log=False)
    server = Server(web_config(options))
    serving = asyncio.create_task(server.serve(sockets=[listener]))
    await until(lambda: server.started or serving.done())
    started = Running(listener.getsockname()[1], server)
    yield started
    started.hang_up()
    server.should_exit = True
    await serving
