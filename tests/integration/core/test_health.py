"""The checks behind `/readyz`, on real servers and without them."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest
from django.db import connections
from pytest_django import DjangoDbBlocker, Settings

from core import health
from core.redis import sync_redis


@pytest.fixture(autouse=True)
def server(django_db_setup: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    with django_db_blocker.unblock():
        yield


def test_postgresql_that_takes_writes_is_well() -> None:
    assert health.check_postgres() is None


def test_a_read_only_server_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    parameters = connections["default"].get_connection_params()
    monkeypatch.setattr(connections["default"], "get_connection_params", lambda: parameters | {"options": "-c default_transaction_read_only=on"})
    assert health.check_postgres() is not None


def test_redis_and_the_broker_are_well() -> None:
    assert health.check_redis() is None
    assert health.check_broker() is None


def test_redis_serves_as_a_broker_too(settings: Settings) -> None:
    settings.BROKER_URL = settings.REDIS_URL.replace("unix://", "redis+socket://").replace("?db=", "?virtual_host=")
    assert health.check_broker() is None


@pytest.mark.parametrize("url", ["amqp://guest:guest@127.0.0.1:1//", "redis://127.0.0.1:1/0"])
def test_a_broker_that_is_away_is_noticed_soon(settings: Settings, url: str) -> None:
    settings.BROKER_URL = url
    began = time.monotonic()
    with pytest.raises(Exception, match=r"refused"):
        health.check_broker()
    assert time.monotonic() - began < 2


def test_a_redis_that_is_away_is_noticed_soon(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.REDIS_URL = "redis://127.0.0.1:1/0"
    monkeypatch.setattr(health, "sync_redis", sync_redis.__wrapped__)
    with pytest.raises(Exception, match=r"refused"):
        health.check_redis()
