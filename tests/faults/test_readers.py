"""Readers complain of versions that go back, however they read."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import pytest
from aiohttp import web

from tests.faults.readers import Readers
from tests.waiting import until


class Server:
    """Shows version 5 and then 4 in one of the three ways, and nothing in the others."""

    def __init__(self, way: str) -> None:
        self._way = way
        self._versions = iter((5, 4))

    async def results(self, _request: web.Request) -> web.Response:
        if self._way != "poll" or (version := next(self._versions, None)) is None:
            return web.Response(status=503)
        return web.json_response({"version": version}, headers={"ETag": f'"{version}"'})

    async def stream(self, request: web.Request) -> web.StreamResponse:
        if self._way != "stream":
            return web.Response(status=503)
        answer = web.StreamResponse()
        await answer.prepare(request)
        for version in self._versions:
            await answer.write(f"event: results\nid: {version}\ndata: {{}}\n\n".encode())
        return answer

    async def socket(self, request: web.Request) -> web.StreamResponse:
        if self._way != "WebSocket":
            return web.Response(status=503)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        for version in self._versions:
            await socket.send_str(json.dumps({"event": "results", "id": str(version), "data": {}}))
        await socket.close()
        return socket


@asynccontextmanager
async def read_from(server: Server) -> AsyncIterator[Readers]:
    app = web.Application()
    app.router.add_get("/api/v1/polls/tea/results", server.results)
    app.router.add_get("/api/v1/polls/tea/results/stream", server.stream)
    app.router.add_get("/ws/v1/polls/tea/results", server.socket)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    readers = Readers("127.0.0.1", runner.addresses[0][1], ["tea"])
    reading = asyncio.create_task(readers.read())
    try:
        yield readers
    finally:
        reading.cancel()
        with suppress(asyncio.CancelledError):
            await reading
        await runner.cleanup()


@pytest.mark.parametrize("way", ["poll", "stream", "WebSocket"])
async def test_a_version_that_goes_back_is_complained_of(way: str) -> None:
    async with read_from(Server(way)) as readers:
        await until(lambda: bool(readers.setbacks))
        assert "saw version 4 after 5" in readers.setbacks[0]
        assert readers.newest == {"tea": 5}
        assert {"poll": readers.looks, "stream": readers.events, "WebSocket": readers.frames}[way] >= 1
