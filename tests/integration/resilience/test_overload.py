"""More votes than a process can write: it says so at once, holds no more than it should, and loses none."""

from __future__ import annotations

import socket
import uuid
from concurrent.futures import Future, ThreadPoolExecutor
from http.client import HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import orjson

from tests.factories import ballot, make_poll
from tests.integration.resilience.conftest import COUNTED, Voters, holding, select, web_process
from tests.processes import database_address, database_dsn
from tests.tcp_proxy import proxy_to
from tests.waiting import wait_until

VOTES = 60
MOST = 20


def _unread(connection: socket.socket, path: str) -> tuple[dict[str, str], Any] | None:
    """Headers and problem of a vote that was turned away unread: for a host that is not ours it would be a 400, and is while there is room."""
    connection.sendall(f"POST {path} HTTP/1.1\r\nHost: elsewhere.invalid\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}".encode())
    answer = HTTPResponse(connection)
    answer.begin()
    found = {name.lower(): value for name, value in answer.getheaders()}, orjson.loads(answer.read())
    return found if answer.status == 503 else None


def test_votes_beyond_the_limit_are_refused_while_others_wait_and_each_counts_once_when_it_comes_back(
    committed_db: None, own_names: str, tmp_path: Path
) -> None:
    poll = make_poll()
    body = ballot(poll)
    keys = [uuid.uuid4().hex for _ in range(VOTES)]
    limits = {"VOTE_GROUP_LIMIT": "5", "VOTE_QUEUE_LIMIT": str(MOST), "VOTE_DEADLINE_SECONDS": "30", "WEB_SHUTDOWN_SECONDS": "31"}
    with web_process(tmp_path, **limits) as web, ThreadPoolExecutor(VOTES) as pool:
        opening = web.vote(poll.id, body)
        assert opening.status_code == 201, opening.text
        with holding(f"SELECT pg_advisory_xact_lock(hashtextextended('{poll.id}', 7))"):
            # one group that waits for the lock is refused and makes room for the next, so most of them, not all, are told that it is full
            first: list[Future[httpx.Response]] = [pool.submit(web.vote, poll.id, body, key=key) for key in keys]
            crowded = wait_until(lambda: [one for one in first if one.done() and "Too many votes" in one.result().text])
        answers = [one.result() for one in first]
        assert len(crowded) > 0
        assert {answer.status_code for answer in answers} <= {201, 503}
        assert all(1 <= int(answer.headers["Retry-After"]) <= 3 for answer in answers if answer.status_code == 503)
        for key, answer in zip(keys, answers, strict=True):
            if answer.status_code == 503:
                assert web.vote(poll.id, body, key=key).status_code == 201
        assert select(COUNTED, poll.id) == [(VOTES + 1, VOTES + 1)]
        assert "nexus_votes_refused_total" in httpx.get(f"{web.url}/metrics").text


def test_an_early_refusal_says_what_a_late_one_says_and_a_server_that_never_answers_is_left_for_a_new_connection(
    committed_db: None, own_names: str, tmp_path: Path
) -> None:
    """The committer's connection leads into nothing, without an error: only its own patience ends that, long after the votes had their 503."""
    poll = make_poll()
    body = ballot(poll)
    path = f"/api/v1/polls/{poll.id}/votes"
    limits = {"VOTE_GROUP_LIMIT": "1", "VOTE_QUEUE_LIMIT": "1", "VOTE_DEADLINE_SECONDS": "2"}
    with (
        proxy_to(database_address()) as proxy,
        web_process(tmp_path, dsn=database_dsn(port=proxy.port), **limits) as web,
        httpx.Client(base_url=web.url, timeout=30) as client,
    ):
        assert web.vote(poll.id, body).status_code == 201
        proxy.stall()
        with Voters([web.url], poll.id, body).voting(3):  # one of them has the only place

            def late() -> httpx.Response | None:
                answer = client.post(path, json=body, headers={"Origin": web.url})
                return answer if "Too many votes" in answer.text else None

            refused = wait_until(late)
            varying = {"date", "retry-after", "vary"}
            expected = {name: value for name, value in refused.headers.items() if name not in varying and not name.startswith("access-control")}
            with socket.create_connection(("127.0.0.1", urlsplit(web.url).port or 0)) as raw:
                for _ in range(2):  # the connection goes on
                    headers, problem = wait_until(lambda: _unread(raw, path))
                    assert problem == refused.json()
                    assert {name: value for name, value in headers.items() if name not in varying} == expected
        wait_until(lambda: web.vote(poll.id, body).status_code == 201, seconds=60)
        assert "the committer thread gets no answer" in web.process.said
