"""Which server counts as a running stack, and what one that is started is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer, unused_port

from core.embedded.services_env import write_services_env
from demo import stack
from demo.failures import DemoFailedError
from demo.stack import is_nexus, running_stack


async def answers_as_nexus(livez: int, polls: Any) -> bool:
    application = web.Application()

    async def alive(_: web.Request) -> web.Response:
        return web.Response(status=livez)

    async def listed(_: web.Request) -> web.Response:
        return web.json_response(polls)

    application.router.add_get("/livez", alive)
    application.router.add_get("/api/v1/polls", listed)
    async with TestServer(application) as server:
        return await is_nexus(str(server.make_url("/")))


async def test_a_server_that_is_alive_and_lists_polls_is_ours() -> None:
    assert await answers_as_nexus(200, {"next": None, "previous": None, "results": []})


async def test_something_else_on_the_port_is_not() -> None:
    assert not await answers_as_nexus(200, ["results of something else"][:0])
    assert not await answers_as_nexus(404, {"results": []})
    assert not await is_nexus(f"http://127.0.0.1:{unused_port()}")


def test_what_a_crashed_stack_left_behind_is_not_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_services_env(tmp_path, {"DATABASE_URL": "postgresql://gone", "REDIS_URL": "unix:///gone"})
    monkeypatch.setenv("DATABASE_URL", "postgresql://gone")
    monkeypatch.setenv("REDIS_URL", "redis://chosen")
    told = stack._environment("http://127.0.0.1:1", 1, tmp_path)
    assert "DATABASE_URL" not in told
    assert told["REDIS_URL"] == "redis://chosen"
    assert (told["VOTE_RATE_LIMIT"], told["PORT"]) == ("off", "1")


async def test_a_stack_that_does_not_come_up_says_why(tmp_path: Path) -> None:
    (tmp_path / "core" / "embedded").mkdir(parents=True)
    (tmp_path / "core" / "__init__.py").touch()
    (tmp_path / "core" / "embedded" / "__init__.py").touch()
    (tmp_path / "core" / "embedded" / "__main__.py").write_text("raise SystemExit('disk full: no way')", encoding="utf-8")
    nowhere = f"http://127.0.0.1:{unused_port()}"
    said: list[str] = []
    with pytest.raises(DemoFailedError, match="disk full: no way"):
        async with running_stack(nowhere, port=unused_port(), project=tmp_path, state_dir=tmp_path / "state", say=said.append):
            pass
    assert "starting one" in said[0]
