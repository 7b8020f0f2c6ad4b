"""A connection that leads into nothing is ended from outside, under whoever waits on it."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event, Thread

import psycopg2
import pytest
from django.db import connections

from core.hangup import HangUp
from core.postgres import connect
from tests.processes import database_address
from tests.tcp_proxy import TcpProxy, proxy_to
from tests.waiting import wait_until
from workers.loops import Outage, Vigil, keep_going


@pytest.fixture
def proxy(committed_db: None, monkeypatch: pytest.MonkeyPatch) -> object:
    direct = connections["direct"].settings_dict
    with proxy_to(database_address()) as between:
        monkeypatch.setitem(direct, "HOST", "127.0.0.1")
        monkeypatch.setitem(direct, "PORT", str(between.port))
        yield between


def test_whoever_waits_gets_an_error_without_a_code(proxy: TcpProxy) -> None:
    hang_up, errors = HangUp(), []
    assert hang_up.cut() is False
    connection = connect("direct", application_name="nexus-tests", opened=hang_up.attach)
    proxy.stall()

    def ask() -> None:
        try:
            with connection.cursor() as cursor:
                cursor.execute("SELECT 1")
        except psycopg2.Error as error:
            errors.append(error.pgcode)

    thread = Thread(target=ask, daemon=True)
    thread.start()
    wait_until(lambda: hang_up.cut() and errors)
    thread.join(5)
    assert errors == [None]
    connection.close()
    hang_up.detach()
    assert hang_up.cut() is False


def test_a_loop_of_the_relay_that_gets_no_answer_begins_anew(proxy: TcpProxy) -> None:
    stop, wake, vigil, steps = Event(), Event(), Vigil(seconds=0.3), []

    def begin(connection: object) -> Callable[[], float]:
        def step() -> float:
            with connection.cursor() as cursor:  # type: ignore[attr-defined]
                cursor.execute("SELECT pg_backend_pid()")
                steps.append(cursor.fetchone()[0])
            return 0.01

        return step

    thread = Thread(target=keep_going, args=("tests", begin), kwargs={"wake": wake, "stop": stop, "outage": Outage(), "vigil": vigil}, daemon=True)
    thread.start()
    try:
        wait_until(lambda: len(steps) > 3)
        assert not vigil.look()
        proxy.stall()
        wait_until(vigil.look)
        wait_until(lambda: len(set(steps)) > 1)
    finally:
        stop.set()
        thread.join(10)
    assert not thread.is_alive()
