"""`python -m bench.nexus.anatomy`: takes one vote's request from standard input apart and prints what each part of answering it costs, in µs of CPU.

Runs Nexus's own functions on that request in this process, without a socket and without writing the vote; so what is missing here, beside a vote over the
network, is the system calls, the event loop and the committer's thread.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import django

django.setup()

from uvicorn.server import ServerState  # noqa: E402

from commands import intake  # noqa: E402
from commands.ballots import Entry, Fate, Outcome  # noqa: E402
from commands.casting import receipt_of, unchecked_request  # noqa: E402
from commands.engine import Engine, engine  # noqa: E402
from commands.rules import check_ballot  # noqa: E402
from commands.vote_wire import created, parse_id  # noqa: E402
from commands.voters import identify  # noqa: E402
from core.answer_headers import encode_answer  # noqa: E402
from core.connections import HttpConnection  # noqa: E402
from core.credentials import credentials_at_hand  # noqa: E402
from core.json_bodies import read_json_object  # noqa: E402
from core.lean import LeanRequest  # noqa: E402
from core.short_way import short_way  # noqa: E402
from core.web_server import WebOptions, web_config  # noqa: E402
from core.whole_votes import read_whole_vote  # noqa: E402

_LOOPS, _TRIES = 1_000, 15
_CONNECTIONS = 100
_DATE = [(b"date", b"Thu, 01 Jan 1970 00:00:00 GMT")]
_OPTIONS = WebOptions(application="core.asgi:application", workers=1, backlog=1, keep_alive=30, shutdown=1, access_log=False)


class _Socket:
    """Stands for a client's connection."""

    def __init__(self) -> None:
        self.written = b""

    def write(self, data: bytes) -> None:
        self.written = data

    def is_closing(self) -> bool:
        return False

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return ("127.0.0.1", 50_000) if name in {"peername", "sockname"} else default


def parts_of(data: bytes, parts: Engine) -> dict[str, Callable[[], object]]:
    """Each part by its name, ready to be run any number of times. The poll's rules must be at hand."""
    vote = read_whole_vote(data)
    if vote is None:
        raise SystemExit("this is no ordinary vote")
    rules = parts.rules.at_hand(parse_id(vote.poll_id.decode()))
    if rules is None:
        raise SystemExit("the poll's rules are not at hand")
    scope = {"client": ("127.0.0.1", 50_000), "headers": [*vote.headers.items()]}
    request = LeanRequest(scope, asyncio.Event().wait, vote.headers)  # type: ignore[arg-type]  # nobody waits for a body
    credentials = credentials_at_hand(request)
    if credentials is None:
        raise SystemExit("something would have to be looked up for this voter")
    body = read_json_object(vote.body)
    voter = identify(rules, credentials, idempotency_key=None)
    chosen = check_ballot(rules, body)
    question = unchecked_request(rules, voter, body, "POST", None, chosen=chosen)
    entry = Entry(question.receipt, 1, 1, 1, datetime.now(UTC))
    receipt = receipt_of(rules.id, entry, voter, [])
    headers, answer = created(receipt, "http", [])
    return {
        "reading the request": lambda: read_whole_vote(data),
        "reading the JSON": lambda: read_json_object(vote.body),
        "who votes: token, keyed hash": lambda: identify(rules, credentials_at_hand(request) or credentials, idempotency_key=None),
        "checking the ballot": lambda: check_ballot(rules, body),
        "the row for the log": lambda: unchecked_request(rules, voter, body, "POST", None, chosen=chosen),
        "admission": lambda: parts.admission.leave(parts.admission.enter(checked=True)),
        "the receipt: position, token": lambda: receipt_of(rules.id, entry, voter, []),
        "writing the answer": lambda: (created(receipt, "http", []), encode_answer(short_way.usual, 201, _DATE, headers, answer, keep_alive=True)),
    }


def whole_way(data: bytes, parts: Engine) -> Callable[[], object]:
    """As many votes as there are connections, from their bytes to the bytes of their answers; PostgreSQL takes no time and says yes."""
    config = web_config(_OPTIONS)
    config.load()
    state = ServerState()
    state.default_headers = _DATE
    waiting: list[Any] = []
    parts.committer.batcher.post = lambda question, _loop, waiter: waiting.append((question, waiter))  # type: ignore[method-assign, assignment, return-value]
    connections = []
    for _ in range(_CONNECTIONS):
        connection = HttpConnection(config, state, {})
        connection.connection_made(_Socket())  # type: ignore[arg-type]
        connections.append(connection)
    now = datetime.now(UTC)

    def run() -> None:
        for connection in connections:
            connection.data_received(data)
        if len(waiting) != _CONNECTIONS:
            raise SystemExit("not all votes took the short way")
        for question, waiter in waiting:
            waiter.set_result(Outcome(Fate.WRITTEN, Entry(question.receipt, 1, 1, 1, now)))
        waiting.clear()

    return run


async def _microseconds(run: Callable[[], object], loops: int, *, each: int = 1) -> float:
    """CPU of one, at best: whatever else happens on the machine only adds to it."""
    best = float("inf")
    for _ in range(_TRIES):
        began = time.thread_time()
        for _ in range(loops):
            run()
        best = min(best, time.thread_time() - began)
        await asyncio.sleep(0)
    return best / loops / each * 1e6


async def take_apart(data: bytes) -> dict[str, float]:
    """µs of CPU by part; the last is what lies between the others."""
    await intake.startup()
    vote = read_whole_vote(data)
    if vote is None:
        raise SystemExit("this is no ordinary vote")
    await engine().rules.get(parse_id(vote.poll_id.decode()))
    whole = await _microseconds(whole_way(data, engine()), _LOOPS // _CONNECTIONS, each=_CONNECTIONS)
    await engine().rules.get(parse_id(vote.poll_id.decode()))
    found = {name: await _microseconds(run, _LOOPS) for name, run in parts_of(data, engine()).items()}
    await intake.shutdown()
    return found | {"between these": max(0.0, whole - sum(found.values()))}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(take_apart(sys.stdin.buffer.read()))))
