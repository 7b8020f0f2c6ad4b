"""Redis or RabbitMQ silent: votes are taken, results are right, and nobody waits for what does not answer."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

import httpx
import pytest
from django.conf import settings

from tests.factories import ballot, make_poll
from tests.integration.resilience.conftest import COUNTED, select, web_process
from tests.processes import RELAY, WORKER, broker_address, running
from tests.tcp_proxy import Target, proxy_to
from tests.waiting import wait_until

VOTES = 40
SLOW = 6  # the first that meets the silence, of each kind; afterwards nobody should wait


def through(url: str, port: int) -> str:
    parts = urlsplit(url)
    login = parts.netloc.rpartition("@")[0]
    return parts._replace(netloc=f"{login}@127.0.0.1:{port}" if login else f"127.0.0.1:{port}").geturl()


def redis_address() -> Target:
    """Where Redis is, on a port or on a socket."""
    parts = urlsplit(settings.REDIS_URL)
    return unquote(parts.path) if parts.scheme == "unix" else (parts.hostname or "127.0.0.1", parts.port or 6379)


def redis_through(port: int) -> str:
    """The same database of it by way of this port."""
    parts = urlsplit(settings.REDIS_URL)
    if parts.scheme != "unix":
        return through(settings.REDIS_URL, port)
    (database,) = parse_qs(parts.query).get("db", ["0"])
    return f"redis://127.0.0.1:{port}/{database}"


@pytest.mark.parametrize("silent", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_without_redis_votes_are_taken_results_are_right_and_only_a_few_requests_wait_for_it(
    committed_db: None, own_names: str, tmp_path: Path, *, silent: bool
) -> None:
    """Silent: it takes connections and says nothing, so that each try costs the whole time-out; else it refuses them."""
    poll = make_poll()
    body = ballot(poll)
    timeout = 2.0
    with (
        proxy_to(redis_address()) as proxy,
        web_process(tmp_path / "web", REDIS_URL=redis_through(proxy.port), REDIS_TIMEOUT_SECONDS=str(timeout), VOTE_RATE_LIMIT="9999/second") as web,
        running(RELAY, tmp_path),
        running(WORKER, tmp_path),
    ):
        assert web.vote(poll.id, body).headers["RateLimit"]
        if silent:
            proxy.mute()
        else:
            proxy.refuse()
        slow = 0
        for _ in range(VOTES):
            answer = web.vote(poll.id, body)
            assert answer.status_code == 201
            slow += answer.elapsed.total_seconds() >= timeout
        assert slow <= SLOW
        position = answer.json()["position"]
        found = wait_until(lambda: _results(web.url, poll.id, after=position))
        assert found["ballots"] == VOTES + 1
        slow = sum(httpx.get(f"{web.url}/api/v1/polls/{poll.id}/results", timeout=30).elapsed.total_seconds() >= timeout for _ in range(VOTES))
        assert slow <= SLOW
        proxy.accept()
        wait_until(lambda: "RateLimit" in web.vote(poll.id, body).headers)


def _results(url: str, poll_id: object, *, after: str) -> dict[str, int] | None:
    answer = httpx.get(f"{url}/api/v1/polls/{poll_id}/results", params={"after": after}, timeout=30)
    assert answer.status_code == 200, answer.text
    return answer.json() if answer.json()["includes_after"] else None


@pytest.mark.slow
def test_with_rabbitmq_silent_votes_are_cut_and_counted_once_it_speaks_again(committed_db: None, own_names: str, rabbitmq: None, tmp_path: Path) -> None:
    poll = make_poll()
    body = ballot(poll)
    with proxy_to(broker_address()) as proxy:
        broker = {"BROKER_URL": through(settings.BROKER_URL, proxy.port), "RELAY_REPUBLISH_SECONDS": "1"}
        with web_process(tmp_path / "web", **broker) as web, running(RELAY, tmp_path, **broker) as relay, running(WORKER, tmp_path, **broker) as worker:
            position = web.vote(poll.id, body).json()["position"]
            wait_until(lambda: _results(web.url, poll.id, after=position))
            proxy.refuse()
            positions = [web.vote(poll.id, body).json()["position"] for _ in range(VOTES)]
            wait_until(lambda: select("SELECT sum(votes) FROM vote_batches") == [(VOTES + 1,)])
            assert web.is_ready()
            proxy.accept()
            # batches come in any order: that the last vote is in says nothing of those before it
            wait_until(lambda: all(_results(web.url, poll.id, after=each) for each in positions), seconds=40)
            assert httpx.get(f"{web.url}/api/v1/polls/{poll.id}/results", params={"after": positions[-1]}).json()["ballots"] == VOTES + 1
            assert select(COUNTED, poll.id) == [(VOTES + 1, VOTES + 1)]
            assert not relay.ended
            assert not worker.ended
