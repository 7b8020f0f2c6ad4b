"""When `/readyz` says ok, degraded or unavailable, and how long it takes to."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator

import pytest
from django.test import RequestFactory

from core import health
from core.health import Check


@pytest.fixture(autouse=True)
def no_vote_path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_vote_paths", {})


def install(monkeypatch: pytest.MonkeyPatch, **checks: Check) -> None:
    all_good: dict[str, Check] = dict.fromkeys(["postgres", "vote_path", "redis", "broker"], lambda: None)
    needed = {"postgres", "vote_path"}
    monkeypatch.setattr(health, "_CHECKS", {name: (health._watched(name, check), name in needed) for name, check in (all_good | checks).items()})


def refuse() -> str | None:
    raise ConnectionRefusedError("postgresql://somebody:secret@10.0.0.1/nexus")


def test_all_is_well(monkeypatch: pytest.MonkeyPatch) -> None:
    install(monkeypatch)
    assert health.readiness() == (200, {"status": "ok", "checks": {name: {"status": "ok"} for name in ("postgres", "vote_path", "redis", "broker")}})


@pytest.mark.parametrize("name", ["redis", "broker"])
def test_without_redis_or_broker_votes_are_still_durable(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    install(monkeypatch, **{name: refuse})
    status, body = health.readiness()
    assert (status, body["status"]) == (200, "degraded")


@pytest.mark.parametrize("name", ["postgres", "vote_path"])
def test_without_postgresql_or_the_committer_no_vote_should_come_here(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    install(monkeypatch, **{name: refuse})
    answer = health.readyz(RequestFactory().get("/readyz"))
    assert answer.status_code == 503
    assert answer["Retry-After"] == "1"
    body = json.loads(answer.content)
    assert body["status"] == "unavailable"
    assert body["checks"][name] == {"status": "unavailable"}
    assert b"secret" not in answer.content
    assert b"10.0.0.1" not in answer.content


@pytest.fixture
def gate() -> Iterator[threading.Event]:
    event = threading.Event()
    yield event
    event.set()


def test_checks_that_hang_cost_one_second_together(monkeypatch: pytest.MonkeyPatch, gate: threading.Event) -> None:
    def hang() -> str | None:
        gate.wait(30)
        return None

    install(monkeypatch, postgres=hang, redis=hang, broker=hang)
    began = time.monotonic()
    status, body = health.readiness()
    assert time.monotonic() - began < 2
    assert (status, body["status"]) == (503, "unavailable")


def test_many_probes_share_one_look(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = []

    def look() -> str | None:
        looks.append(1)
        return None

    install(monkeypatch, postgres=look)
    for _ in range(20):
        health.readiness()
    assert len(looks) == 1


def test_a_process_without_a_vote_path_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    assert health.check_vote_path() is not None
    health.register_vote_path("committer", lambda: None)
    assert health.check_vote_path() is None
    health.register_vote_path("lookups", lambda: "the thread is not running")
    assert health.check_vote_path() == "lookups: the thread is not running"
    health.forget_vote_path("lookups")
    assert health.check_vote_path() is None


def test_livez_answers_get_and_head_only() -> None:
    assert health.livez(RequestFactory().get("/livez")).content == b'{"status": "ok"}'
    assert health.livez(RequestFactory().head("/livez")).status_code == 200
    assert health.livez(RequestFactory().post("/livez")).status_code == 405
