"""The ceilings serve the bytes they are given, on the server they claim to be."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import httpx
import psycopg2
import pytest
from django.conf import settings

from bench.ceilings.asgi_hello import serve
from bench.ceilings.pgbench_groups import probe
from bench.registry import CEILINGS, make_ceiling
from bench.targets import Ceiling, Skipped
from core.web_server import WebOptions
from tests.bench.peer_places import place_for


@pytest.fixture(params=CEILINGS)
def ceiling(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Ceiling]:
    try:
        found = make_ceiling(request.param)
    except Skipped as reason:
        pytest.skip(str(reason))
    with place_for(found.name, tmp_path) as place:
        found.prepare(place)
        try:
            yield found
        finally:
            found.stop()


@pytest.mark.slow
def test_it_serves_what_it_is_given_and_ends(ceiling: Ceiling) -> None:
    url = ceiling.place.url + ceiling.path
    for body in (b'{"short": true}', b'{"long": "%b"}' % (b"x" * 5_000)):
        ceiling.start(body)
        answer = httpx.get(url)
        assert answer.status_code == 200
        assert answer.content == body
        assert answer.headers["content-type"] == "application/json"
        if ceiling.answers_posts:
            with httpx.Client() as client:
                assert [client.post(url, content=b"y" * 100_000).content for _ in range(3)] == [body] * 3
        ceiling.stop()
        with pytest.raises(httpx.ConnectError):
            httpx.get(url)


@pytest.mark.slow
def test_pgbench_writes_as_many_rows_as_it_says(tmp_path: Path) -> None:
    if (why := probe.missing()) is not None:
        pytest.skip(why)
    with place_for("pgbench", tmp_path) as place:
        probe.prepare(place)
        found = [probe.measure(place, seconds=1, group=group) for group in (1, 7)]
        with closing(psycopg2.connect(place.database_url)) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM votes")
            assert cursor.fetchone() == (sum(one["rows"] for one in found),)
    assert all(one["rows"] > 0 for one in found)


def test_the_hello_is_served_with_the_settings_of_nexus(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"HOST": "127.0.0.1", "PORT": "0", "WEB_WORKERS": "3"}.items():
        monkeypatch.setenv(name, value)
    chosen = serve.options()
    assert chosen == WebOptions(
        application="bench.ceilings.asgi_hello.hello:application",
        workers=3,
        backlog=settings.WEB_BACKLOG,
        keep_alive=settings.WEB_KEEP_ALIVE_SECONDS,
        shutdown=settings.WEB_SHUTDOWN_SECONDS,
        access_log=settings.ACCESS_LOG,
    )
